/** Files made to hurt: truncated anywhere, a bit flipped anywhere, bombs, names that mean something to JavaScript, noise. */

import { readFileSync } from "node:fs";
import {
  CheckpointError,
  findStateDict,
  inspect,
  load,
  loadSafetensors,
  openCheckpoint,
  type PythonValue,
  renameKeys,
  toBytes,
  toSafetensorsBytes,
} from "@kindling/checkpoint";
import { fromHost, type Tensor } from "@kindling/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { archive, ascii, join, storage, tensor } from "./archive.js";
import { elementsOf } from "./described.js";
import { outcome } from "./outcome.js";

const fixture = (name: string): Uint8Array => readFileSync(new URL(`./fixtures/${name}`, import.meta.url));

const FLOATS = new Uint8Array(Float32Array.of(0, 1, 2, 3).buffer);

describe("every truncation is refused", () => {
  for (const name of [
    "made/plain.zip.pth",
    "made/deflated.zip.pth",
    "made/plain.legacy.pth",
    "values/list_of_tensors.legacy.pth",
  ]) {
    it(name, async () => {
      const bytes = fixture(name);
      for (let length = 0; length < bytes.length; length++)
        expect(typeof (await outcome(bytes.subarray(0, length))), `first ${length} bytes`).toBe("string");
    });
  }
});

describe("one flipped bit", () => {
  for (const name of ["made/plain.zip.pth", "made/deflated.zip.pth"]) {
    it(`gives the same value or an error: ${name}`, async () => {
      const bytes = Uint8Array.from(fixture(name));
      const good = await outcome(bytes);
      for (let bit = 0; bit < 8 * bytes.length; bit++) {
        bytes[bit >> 3] ^= 1 << (bit & 7);
        const got = await outcome(bytes);
        if (typeof got !== "string") expect(got, `bit ${bit}`).toEqual(good);
        bytes[bit >> 3] ^= 1 << (bit & 7);
      }
    });
  }

  it("in a storage of the legacy format, which has no checksums, changes that element and nothing else", async () => {
    const bytes = Uint8Array.from(fixture("made/plain.legacy.pth"));
    const good = numbers(await load(bytes));
    for (let bit = 0; bit < 32 * good.length; bit++) {
      const at = bytes.length - 4 * good.length + (bit >> 3);
      bytes[at] ^= 1 << (bit & 7);
      const got = numbers(await load(bytes));
      expect(
        got.flatMap((word, i) => (word === good[i] ? [] : [i])),
        `bit ${bit}`,
      ).toEqual([bit >> 5]);
      bytes[at] ^= 1 << (bit & 7);
    }
  });

  it("before the storages of the legacy format gives a value or an error, and nothing else", async () => {
    for (const name of ["made/plain.legacy.pth", "values/list_of_tensors.legacy.pth"]) {
      const bytes = Uint8Array.from(fixture(name));
      for (let bit = 0; bit < 8 * bytes.length; bit++) {
        bytes[bit >> 3] ^= 1 << (bit & 7);
        await outcome(bytes);
        bytes[bit >> 3] ^= 1 << (bit & 7);
      }
    }
  });
});

/** The elements of the only tensor of a file, as integers. */
function numbers(value: PythonValue): number[] {
  const tensor = value instanceof Map ? [...value.values()][0] : value;
  const { buffer, byteOffset, byteLength } = elementsOf(tensor as Tensor);
  return [...new Uint32Array(buffer, byteOffset, byteLength / 4)];
}

describe("keys that mean something to JavaScript", () => {
  it("stay keys", async () => {
    const program = "}(X\x09\0\0\0__proto__}X\x08\0\0\0polluted\x88sX\x0b\0\0\0constructorK\x01u.";
    expect(await load(await archive(ascii(program)))).toEqual(
      new Map<string, unknown>([
        ["__proto__", new Map([["polluted", true]])],
        ["constructor", 1],
      ]),
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("stay names on the whole way of a state dict", async () => {
    const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "__proto__.polluted"];
    const state = new Map(names.map((name, i) => [name, fromHost(Float32Array.of(i), [1])]));
    const bytes = await toBytes({ state_dict: state });
    expect((await inspect(bytes)).tensors.map(({ name }) => name)).toEqual(names.map((name) => `state_dict.${name}`));
    await using lazy = await openCheckpoint(bytes);
    for (const [i, name] of names.entries())
      expect(elementsOf(await lazy.read(`state_dict.${name}`))).toEqual(Float32Array.of(i));
    const found = findStateDict(await load(bytes));
    expect([...found.keys()]).toEqual(names);
    expect([...renameKeys(found, (name) => `__proto__.${name}`).keys()]).toEqual(names.map((n) => `__proto__.${n}`));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  it("stay names in safetensors", async () => {
    const tensors = new Map([["__proto__", fromHost(Float32Array.of(1), [1])]]);
    const loaded = await loadSafetensors(await toSafetensorsBytes(tensors));
    expect([...loaded.keys()]).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });
});

describe("bombs", () => {
  it("refuses deep nesting without overflowing the stack", async () => {
    const depth = 100_000;
    const deep: Readonly<Record<string, string>> = {
      lists: `${"]".repeat(depth)}${"a".repeat(depth - 1)}.`,
      tuples: `N${"\x85".repeat(depth)}.`,
      dicts: `${"}K\x01".repeat(depth)}N${"s".repeat(depth)}.`,
    };
    for (const [name, program] of Object.entries(deep))
      expect(await outcome(await archive(ascii(program))), name).toBe("depth");
  });

  it("inspects what it was told to read however deep", async () => {
    const depth = 20_000;
    const program = `${"]".repeat(depth)}${tensor("0", 4, "I0\nI4\n\x85I1\n\x85")}${"a".repeat(depth)}.`;
    const [found] = (await inspect(await archive(ascii(program), { "0": FLOATS }), { maxDepth: depth })).tensors;
    expect(found.shape).toEqual([4]);
  });

  it("finds the depth of a graph, not only of the first path to each part", async () => {
    // A chain of 400 lists, reached first directly and then at the end of another chain of 400.
    const chain = (inner: string) => `${"]".repeat(400)}${inner}${"a".repeat(400)}`;
    const program = `](${chain("N")}r\x05\0\0\0${chain("j\x05\0\0\0")}e.`;
    expect(await outcome(await archive(ascii(program)))).toBe("depth");
  });

  it("finishes a graph that is a huge tree when unfolded", async () => {
    let program = "](K\x01K\x02eq\x00";
    for (let i = 0; i < 60; i++)
      program += `](${"h"}${String.fromCharCode(i)}h${String.fromCharCode(i)}eq${String.fromCharCode(i + 1)}`;
    const value = await load(await archive(ascii(`${program}.`)));
    expect(Array.isArray(value)).toBe(true);
    expect((await inspect(await archive(ascii(`${program}.`)))).tensors).toEqual([]);
  });

  it("stops a pickle that asks for more objects than the limit allows", async () => {
    const program = ascii(`${"}".repeat(100_000)}.`);
    expect(await outcome(await archive(program), { maxObjectBytes: 1e6 })).toBe("limit");
    expect(await outcome(await archive(join("N", "2".repeat(100_000), ".")), { maxObjectBytes: 1e5 })).toBe("limit");
  });

  it("stops views that take more than the limit, one large or many small", async () => {
    const expanded = tensor("0", 4, "I0\n(J\0\0\0\x40tI0\n\x85");
    expect(await outcome(await archive(ascii(`${expanded}.`), { "0": FLOATS }))).toBe("limit");
    const views = Array.from({ length: 64 }, (_, i) =>
      tensor("0", 4, `I0\n(J${String.fromCharCode(i)}\0\x20\0tI0\n\x85`),
    );
    expect(await outcome(await archive(ascii(`(${views.join("")}l.`), { "0": FLOATS }))).toBe("limit");
    expect(await outcome(await archive(ascii(`(${views.join("")}l.`), { "0": FLOATS }), { maxTensorBytes: 64 })).toBe(
      "limit",
    );
  });

  it("counts every copy of a storage that is viewed whole in many shapes", async () => {
    const shapes = Array.from({ length: 30 }, (_, i) => `I0\n(${"I1\n".repeat(i)}I4\nt(${"I1\n".repeat(i)}I1\nt`);
    const program = `(${shapes.map((view) => tensor("0", 4, view)).join("")}l.`;
    const bytes = await archive(ascii(program), { "0": FLOATS });
    expect(await outcome(bytes, { maxTensorBytes: 30 * 16 - 1 })).toBe("limit");
    expect(await outcome(bytes, { maxTensorBytes: 30 * 16 })).toMatchObject({ t: "list" });
  });

  it("takes whatever an integer, a memo index or a string claims only if it is there", async () => {
    for (const program of [
      "\x8b\xff\xff\xff\x7f.",
      "X\xff\xff\xff\xff.",
      "\x8d\0\0\0\0\0\0\0\x7f.",
      "T\xff\xff\xff\xff.",
      "j\xff\xff\xff\xff.",
    ])
      expect(["bad-pickle", "limit"]).toContain(await outcome(await archive(ascii(program))));
    expect(await outcome(await archive(ascii("Nr\xff\xff\xff\xff.")))).toEqual({ t: "const", v: null });
  });
});

describe("tensors that leave their storage", () => {
  const cases: Readonly<Record<string, [view: string, kind: string]>> = {
    "a size too large": ["I0\nI5\n\x85I1\n\x85", "bounds"],
    "an offset too large": ["I2\nI3\n\x85I1\n\x85", "bounds"],
    "a stride too large": ["I0\nI2\n\x85I4\n\x85", "bounds"],
    "a negative offset": ["I-1\nI1\n\x85I1\n\x85", "bounds"],
    "a negative stride": ["I3\nI2\n\x85I-1\n\x85", "bounds"],
    "a negative size": ["I0\nI-1\n\x85I1\n\x85", "bounds"],
    "an integer beyond 2^53": ["I0\nL18446744073709551616L\n\x85I1\n\x85", "limit"],
    "a product that overflows": ["I0\n(I4294967296\nI4294967296\ntI0\nI0\n\x86", "limit"],
    "a stride times a size that overflows": ["I0\n(I9007199254740991\nI1\ntI9007199254740991\nI1\n\x86", "limit"],
    "a float as size": ["I0\nF1.5\n\x85I1\n\x85", "bad-pickle"],
    "a boolean as size": ["I0\nI01\n\x85I1\n\x85", "bad-pickle"],
    "sizes without strides": ["I0\nI1\n\x85)", "bounds"],
    "65 dimensions": [`I0\n(${"I1\n".repeat(65)}t(${"I1\n".repeat(65)}t`, "bounds"],
  };
  for (const [name, [view, kind]] of Object.entries(cases)) {
    it(`${name}: ${kind}`, async () => {
      expect(await outcome(await archive(ascii(`${tensor("0", 4, view)}.`), { "0": FLOATS }))).toBe(kind);
    });
  }

  it("empty tensors may begin anywhere", async () => {
    const bytes = await archive(ascii(`${tensor("0", 4, "I4\n(I3\nI0\ntI9\nI9\n\x86")}.`), { "0": FLOATS });
    expect(await outcome(bytes)).toEqual({ t: "tensor", dtype: "f32", shape: [3, 0], crc32: 0 });
  });

  it("refuses a storage that is missing, too short or of no storage class", async () => {
    const kind = async (program: string) => outcome(await archive(ascii(`${program}.`), { "0": FLOATS }));
    const view = "I0\nI1\n\x85I1\n\x85";
    expect(await kind(tensor("7", 4, view))).toBe("missing-member");
    expect(await kind(tensor("../0", 4, view))).toBe("missing-member");
    expect(await kind(tensor("0", 5, view))).toBe("storage-size");
    expect(await kind(tensor("0", -1, view))).toBe("storage-size");
    expect(await kind(storage("0", 4, "collections\nOrderedDict"))).toBe("unsupported");
    expect(await kind(storage("0", 4))).toMatchObject({ t: "tensor", shape: [4] });
  });
});

describe("noise", () => {
  const opcodes = fc.constantFrom(
    ...Array.from("()].01 2BCFGIJKLMNPQRSTUVX]abcdeghijloprstu}", (c) => c.charCodeAt(0)),
    ...Array.from({ length: 25 }, (_, i) => 0x80 + i),
  );
  const snippets = fc.constantFrom(
    ...[
      "ccollections\nOrderedDict\n",
      "ctorch._utils\n_rebuild_tensor_v2\n",
      "X\x01\0\0\0a",
      "K\x01",
      "I3\n",
      "q\x01",
      "h\x01",
      ")R",
      "}b",
      "(",
      "t",
      "Q",
      storage("0", 4),
      tensor("0", 4, "I0\nI4\n\x85I1\n\x85"),
      "cnumpy\ndtype\n(X\x02\0\0\0f8tR",
      "cnumpy.core.multiarray\n_reconstruct\n)R",
    ].map(ascii),
  );
  const programs = fc
    .array(
      fc.oneof(
        opcodes.map((opcode) => Uint8Array.of(opcode)),
        snippets,
        fc.uint8Array({ maxLength: 4 }),
      ),
      { maxLength: 40 },
    )
    .map((parts) => join(...parts, "."));

  it("in a pickle gives a value or a CheckpointError", async () => {
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const bytes = await archive(program, { "0": FLOATS });
        await load(bytes, { maxTensorBytes: 1e6 }).catch((error: unknown) => {
          expect(error, String((error as Error).stack)).toBeInstanceOf(CheckpointError);
        });
      }),
      { numRuns: 3000 },
    );
  });

  const damaged = (good: Uint8Array) =>
    fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 0xff, 0x7f, 0x80))), {
        minLength: 1,
        maxLength: 6,
      })
      .map((changes) => {
        const bytes = Uint8Array.from(good);
        for (const [at, byte] of changes) bytes[at] = byte;
        return bytes;
      });

  it("in a zip archive gives the same value or a CheckpointError", async () => {
    const good = await toBytes({ w: fromHost(Float32Array.of(1, 2, 3), [3]), name: "x" });
    const value = await outcome(good);
    await fc.assert(
      fc.asyncProperty(damaged(good), async (bytes) => {
        const got = await outcome(bytes, { maxTensorBytes: 1e6 });
        if (typeof got !== "string") expect(got).toEqual(value);
      }),
      { numRuns: 2000 },
    );
  });

  it("in a safetensors file gives tensors or a CheckpointError", async () => {
    const good = await toSafetensorsBytes({
      w: fromHost(Float32Array.of(1, 2, 3), [3]),
      n: fromHost(BigInt64Array.of(1n), []),
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(damaged(good), fc.uint8Array({ maxLength: 200 })), async (bytes) => {
        await loadSafetensors(bytes, { maxTensorBytes: 1e6 }).catch((error: unknown) => {
          expect(error, String((error as Error).stack)).toBeInstanceOf(CheckpointError);
        });
      }),
      { numRuns: 3000 },
    );
  });
});
