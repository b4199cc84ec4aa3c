/** Opcodes and objects that no fixture has: text protocols, Python 2 strings, numpy, containers of the standard library. */

import { type LoadOptions, load, type PythonValue } from "@kindling/checkpoint";
import type { Tensor } from "@kindling/core";
import { describe, expect, it } from "vitest";
import { archive, ascii, join, storage } from "./archive.js";
import { describeValue, elementsOf } from "./described.js";

const run = async (program: string | Uint8Array, options?: LoadOptions): Promise<PythonValue> =>
  load(await archive(typeof program === "string" ? ascii(program) : program), options);

describe("protocol 0 and 1", () => {
  const cases: readonly [program: string, value: PythonValue][] = [
    ["I01\n.", true],
    ["I00\n.", false],
    ["I-5\n.", -5],
    ["L9007199254740993L\n.", 9007199254740993n],
    ["F-1.5e3\n.", -1500],
    ["Finf\n.", Infinity],
    ["F-inf\n.", -Infinity],
    ["Fnan\n.", Number.NaN],
    ["S'it\\'s \\x41\\n\\\\'\n.", "it's A\n\\"],
    ['S"caf\\xc3\\xa9"\n.', "café"],
    ["Vsnow \\u2603 \\U0001F600\n.", "snow ☃ 😀"],
    ["(I1\nI2\nl.", [1, 2]],
    ["(S'a'\nI1\nd.", new Map([["a", 1]])],
    ["(lp0\nI1\nag0\n0.", [1]],
    ["(I1\n1N.", null],
    ["K\x01K\x022\x86.", [2, 2] as never],
  ];
  for (const [program, value] of cases) {
    it(JSON.stringify(program), async () => {
      expect(await run(program)).toEqual(value);
    });
  }
});

describe("strings and bytes", () => {
  it("Python 2 strings are text where they are UTF-8, else bytes", async () => {
    expect(await run("U\x02hi.")).toBe("hi");
    expect(await run("T\x02\0\0\0\xff\xfe.")).toEqual(Uint8Array.of(255, 254));
  });

  it("lone surrogates pass, as in Python; other ill-formed text does not", async () => {
    expect(await run("X\x05\0\0\0a\xed\xa0\x80b.")).toBe("a\ud800b");
    await expect(run("X\x02\0\0\0\xc3(.")).rejects.toMatchObject({ kind: "bad-pickle" });
  });

  it("a byte order mark is part of a string", async () => {
    expect(await run("X\x04\0\0\0\xef\xbb\xbfa.")).toBe("\ufeffa");
  });

  it("bytes of every protocol", async () => {
    const bytes = Uint8Array.of(0, 255);
    expect(await run("c_codecs\nencode\n(X\x03\0\0\0\0\xc3\xbfX\x06\0\0\0latin1tR.")).toEqual(bytes);
    expect(await run("C\x02\0\xff.")).toEqual(bytes);
    expect(await run("B\x02\0\0\0\0\xff.")).toEqual(bytes);
    expect(await run("\x8e\x02\0\0\0\0\0\0\0\0\xff.")).toEqual(bytes);
    expect(await run("\x96\x02\0\0\0\0\0\0\0\0\xff.")).toEqual(bytes);
    expect(await run("c__builtin__\nbytearray\n(X\x03\0\0\0\0\xc3\xbfX\x07\0\0\0latin-1tR.")).toEqual(bytes);
  });
});

describe("containers of the standard library", () => {
  it("OrderedDict from pairs, defaultdict, Counter, deque, sets", async () => {
    expect(await run("ccollections\nOrderedDict\n(](](K\x01K\x02eetR.")).toEqual(expect.objectContaining({ size: 1 }));
    expect(await run("ccollections\ndefaultdict\n(cbuiltins\nlist\ntRK\x01K\x02s.")).toEqual(new Map([[1, 2]]));
    expect(await run("ccollections\nCounter\n(}K\x01K\x02stR.")).toEqual(new Map([[1, 2]]));
    expect(await run("ccollections\ndeque\n()K\x05tR(K\x01K\x02e.")).toEqual([1, 2]);
    expect(await run("\x8f(K\x01K\x02\x90.")).toEqual(new Set([1, 2]));
    expect(describeValue(await run("(K\x01K\x02\x91."))).toMatchObject({ t: "frozenset" });
    expect(describeValue(await run("cbuiltins\ncomplex\n(G\x3f\xf0\0\0\0\0\0\0G\x40\0\0\0\0\0\0\0tR."))).toEqual({
      t: "complex",
      v: [1, 2],
    });
  });

  it("refuses keys that Python cannot hash", async () => {
    for (const program of ["}]Ns.", "}}Ns.", "\x8f(]\x90.", "ccollections\nOrderedDict\n(](](]Neetr."])
      await expect(run(program), program).rejects.toMatchObject({ kind: "bad-pickle" });
  });
});

describe("dates", () => {
  it("in Python 2's words, whose packed fields are a str", async () => {
    expect(await run("cdatetime\ndate\n(U\x04\x07\xe8\x05\x01tR.")).toBe("2024-05-01");
    expect(await run("cdatetime\ndatetime\n(U\x0a\x07\xe8\x05\x01\x0c\x00\x00\x00\x00\x00tR.")).toBe(
      "2024-05-01T12:00:00",
    );
  });

  it("of another length, and bare time zones, are refused", async () => {
    await expect(run("cdatetime\ndate\n(C\x03\x07\xe8\x05tR.")).rejects.toMatchObject({ kind: "bad-pickle" });
    await expect(run("cdatetime\ntimezone\n(I3600\ntR.")).rejects.toMatchObject({ kind: "unsupported" });
  });
});

describe("numpy", () => {
  const dtype = (code: string, order: string) =>
    `cnumpy\ndtype\n(X\x02\0\0\0${code}I00\nI01\ntR(I3\nX\x01\0\0\0${order}NNNI-1\nI-1\nI0\ntb`;
  const scalar = (code: string, order: string, bytes: readonly number[]) =>
    join(`cnumpy.core.multiarray\nscalar\n(${dtype(code, order)}C`, [bytes.length], bytes, "tR.");

  it("scalars of every kind, of either byte order", async () => {
    expect(await run(scalar("f8", "<", [0, 0, 0, 0, 0, 0, 0xf8, 0x3f]))).toBe(1.5);
    expect(await run(scalar("f8", ">", [0x3f, 0xf8, 0, 0, 0, 0, 0, 0]))).toBe(1.5);
    expect(await run(scalar("f4", "<", [0, 0, 0xc0, 0x3f]))).toBe(1.5);
    expect(await run(scalar("f2", "<", [0, 0x3e]))).toBe(1.5);
    expect(
      await run(
        scalar(
          "i8",
          "<",
          Array.from({ length: 8 }, () => 255),
        ),
      ),
    ).toBe(-1);
    expect(
      await run(
        scalar(
          "u8",
          "<",
          Array.from({ length: 8 }, () => 255),
        ),
      ),
    ).toBe(2n ** 64n - 1n);
    expect(await run(scalar("i2", ">", [1, 0]))).toBe(256);
    expect(await run(scalar("u1", "|", [200]))).toBe(200);
    expect(await run(scalar("i1", "|", [200]))).toBe(-56);
    expect(await run(scalar("b1", "|", [1]))).toBe(true);
  });

  it("arrays become tensors, in C and Fortran order", async () => {
    const array = (fortran: string) =>
      join(
        "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nI0\n\x85C\x01btR(I1\nI2\nI3\n\x86",
        `${dtype("i2", ">")}${fortran}C\x0c`,
        [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6],
        "tb.",
      );
    const rows = describeValue(await run(array("I00\n")));
    expect(rows).toMatchObject({ t: "tensor", dtype: "i16", shape: [2, 3] });
    const columns = describeValue(await run(array("I01\n")));
    expect(columns).toMatchObject({ t: "tensor", dtype: "i16", shape: [2, 3] });
    expect(columns).not.toEqual(rows);
  });

  it("in Python 2's words: the data is a str, whose bytes may or may not be UTF-8", async () => {
    const array = (bytes: readonly number[]) =>
      join(
        "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nI0\n\x85U\x01btR(I1\nI2\n\x85",
        `${dtype("i2", "<")}I00\nU`,
        [bytes.length],
        bytes,
        "tb.",
      );
    const data = async (bytes: readonly number[]) => [...elementsOf((await run(array(bytes))) as Tensor)];
    expect(await data([0x41, 0, 0xc3, 0xa9])).toEqual([0x41, -22077]);
    expect(await data([0xff, 0xff, 0, 0x80])).toEqual([-1, -32768]);
    await expect(data([1, 2, 3])).rejects.toMatchObject({ kind: "bounds" });
    await expect(data([1, 2, 3, 4, 5, 6])).rejects.toMatchObject({ kind: "bad-pickle" });
  });

  it("charges the data of each array, of which Python 2's text is a copy", async () => {
    const text = join("T", [0, 0, 16, 0], new Uint8Array(2 ** 20).fill(65), "p1\n0");
    const array =
      "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nI0\n\x85U\x01btR(I1\nI1048576\n\x85g2\nI00\ng1\ntb";
    const arrays = (count: number) => join(text, dtype("u1", "|"), "p2\n0(", array.repeat(count), "l.");
    const options = { maxObjectBytes: 2 ** 25 };
    expect(await run(arrays(2), options)).toHaveLength(2);
    await expect(run(arrays(100), options)).rejects.toMatchObject({ kind: "limit" });
  });

  it("refuses arrays of objects, wrong sizes and arrays without data", async () => {
    await expect(run("cnumpy\ndtype\n(X\x01\0\0\0OtR.")).rejects.toMatchObject({ kind: "unsupported" });
    await expect(run(scalar("f8", "<", [0]))).rejects.toMatchObject({ kind: "bad-pickle" });
    await expect(run("cnumpy.core.multiarray\n_reconstruct\n)R.")).rejects.toMatchObject({ kind: "bad-pickle" });
  });
});

describe("storages", () => {
  it("in big-endian archives are swapped, once for all tensors that share one", async () => {
    const view = (shape: string) => `ctorch._utils\n_rebuild_tensor\n(${storage("0", 2)}I0\n${shape}I1\n\x85tR`;
    const bytes = await archive(
      ascii(`(${view("I2\n\x85")}${view("I1\n\x85")}l.`),
      { "0": Uint8Array.of(0x3f, 0x80, 0, 0, 0x40, 0, 0, 0) },
      { byteorder: ascii("big") },
    );
    const tensors = (await load(bytes)) as unknown as { hostData(): Float32Array }[];
    expect(tensors.map((tensor) => [...tensor.hostData()])).toEqual([[1, 2], [1]]);
  });
});
