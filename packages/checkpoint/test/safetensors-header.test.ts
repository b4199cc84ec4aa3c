/** Safetensors headers: those of the reference writer, and every way to say what two readers could understand differently. */

import { readFileSync } from "node:fs";
import { CheckpointError, loadSafetensors, toSafetensorsBytes } from "@kindling/checkpoint";
import { fromHost } from "@kindling/core";
import { describe, expect, it } from "vitest";
import { concat } from "../dist/zip/writer.js";
import { elementsOf } from "./described.js";

const reference = new Uint8Array(readFileSync(new URL("recorded/safetensors/reference.safetensors", import.meta.url)));

/** A file of a header and data. */
function file(header: string | Uint8Array, data = 0): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  return concat([new Uint8Array(new BigUint64Array([BigInt(json.length)]).buffer), json, new Uint8Array(data)]);
}

const entry = (text: string): string => `{"w":{${text}}}`;
const BYTE = '"dtype":"U8","shape":[1],"data_offsets":[0,1]';

async function refusal(bytes: Uint8Array): Promise<CheckpointError> {
  const error: unknown = await loadSafetensors(bytes).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  return error as CheckpointError;
}

it("a file of the reference writer, with every dtype, is read and written again byte by byte", async () => {
  const loaded = await loadSafetensors(reference);
  expect(loaded.size).toBe(28);
  expect(loaded.get("float8_e8m0fnu.weight")?.dtype).toBe("float8_e8m0fnu");
  expect(await toSafetensorsBytes(loaded)).toEqual(reference);
  expect(await toSafetensorsBytes(new Map([...loaded].reverse()), { metadata: { format: "pt" } })).toEqual(reference);
});

describe("is read", () => {
  const cases: readonly [what: string, bytes: Uint8Array, names: string[]][] = [
    [
      "names that look like numbers, in their order",
      file(`{"10":{${BYTE}},"1":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}`, 1),
      ["10", "1"],
    ],
    [
      "names of Object.prototype",
      file(`{"__proto__":{${BYTE}},"constructor":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 1),
      ["__proto__", "constructor"],
    ],
    ["blanks between and behind", file(`{ "w" :\n{ ${BYTE} }\t}\r\n  `, 1), ["w"]],
    ["escapes", file(`{"\\u0061\\ud83d\\ude00\\/":{${BYTE}}}`, 1), ["a\u{1f600}/"]],
    ["no tensors", file("{}"), []],
    ["a scalar", file(entry('"data_offsets":[0,8],"shape":[],"dtype":"F64"'), 8), ["w"]],
    [
      "tensors in another order than the header",
      file(
        '{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        2,
      ),
      ["b", "a"],
    ],
  ];
  for (const [what, bytes, names] of cases)
    it(what, async () => {
      expect([...(await loadSafetensors(bytes)).keys()]).toEqual(names);
    });
});

describe("is refused", () => {
  const cases: readonly [what: string, bytes: Uint8Array, kind: string, message: string][] = [
    ["a name given twice", file(`{"w":{${BYTE}},"w":{${BYTE}}}`, 1), "safetensors", "twice"],
    ["a name given twice, once escaped", file(`{"w":{${BYTE}},"\\u0077":{${BYTE}}}`, 1), "safetensors", "twice"],
    ["a field given twice", file(entry(`${BYTE},"dtype":"I8"`), 1), "safetensors", "twice"],
    ["metadata given twice", file('{"__metadata__":{},"__metadata__":{}}'), "safetensors", "twice"],
    ["a key of the metadata given twice", file('{"__metadata__":{"a":"1","a":"2"}}'), "safetensors", "twice"],
    ["an unknown field", file(entry(`${BYTE},"strides":[1]`), 1), "safetensors", "strides"],
    ["a field that is missing", file(entry('"dtype":"U8","shape":[1]'), 1), "safetensors", "data_offsets"],
    ["an entry that is a list", file('{"w":["U8",[1],[0,1]]}', 1), "safetensors", "expected"],
    ["1.0 as a size", file(entry('"dtype":"U8","shape":[1.0],"data_offsets":[0,1]'), 1), "safetensors", "integer"],
    ["1e0 as a size", file(entry('"dtype":"U8","shape":[1e0],"data_offsets":[0,1]'), 1), "safetensors", "integer"],
    ["-0 as an offset", file(entry('"dtype":"U8","shape":[1],"data_offsets":[-0,1]'), 1), "safetensors", "integer"],
    ["01 as a size", file(entry('"dtype":"U8","shape":[01],"data_offsets":[0,1]'), 1), "safetensors", "integer"],
    [
      "2^53 as a size",
      file(entry('"dtype":"U8","shape":[0,9007199254740992],"data_offsets":[0,0]')),
      "safetensors",
      "integer",
    ],
    [
      "a product that overflows before a zero",
      file(entry('"dtype":"U8","shape":[4503599627370496,4503599627370496,0],"data_offsets":[0,0]')),
      "safetensors",
      "needs",
    ],
    ["three offsets", file(entry('"dtype":"U8","shape":[1],"data_offsets":[0,1,1]'), 1), "safetensors", "data_offsets"],
    [
      "a dtype of less than a byte",
      file(entry('"dtype":"F4","shape":[2],"data_offsets":[0,1]'), 1),
      "unsupported",
      "F4",
    ],
    [
      "a dtype in small letters",
      file(entry('"dtype":"u8","shape":[1],"data_offsets":[0,1]'), 1),
      "unsupported",
      '"u8"',
    ],
    ["blanks before", file(` {"w":{${BYTE}}}`, 1), "safetensors", "begin with {"],
    ["a byte order mark", file(`\ufeff{"w":{${BYTE}}}`, 1), "safetensors", "begin with {"],
    ["text behind the object", file(`{"w":{${BYTE}}} {}`, 1), "safetensors", "the end"],
    ["a zero byte behind the object", file(`{"w":{${BYTE}}}\0`, 1), "safetensors", "the end"],
    ["a comma too many", file(`{"w":{${BYTE}},}`, 1), "safetensors", "expected"],
    ["half of a character", file(`{"\\ud800":{${BYTE}}}`, 1), "safetensors", "half"],
    ["an unknown escape", file(`{"\\x":{${BYTE}}}`, 1), "safetensors", "escape"],
    ["a control character in a name", file(`{"\n":{${BYTE}}}`, 1), "safetensors", "expected"],
    ["bytes that are no UTF-8", file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), "safetensors", "UTF-8"],
    ["metadata that is null", file('{"__metadata__":null}'), "safetensors", "expected"],
    ["lists in lists in lists", file(entry(`"shape":${"[".repeat(100_000)}`)), "safetensors", "integer"],
    [
      "a header of more than 100 MB",
      concat([new Uint8Array(new BigUint64Array([100_000_001n]).buffer), new TextEncoder().encode("{}")]),
      "safetensors",
      "100000001",
    ],
    [
      "a file of torch.save",
      new TextEncoder().encode("PK\u0003\u0004 and more of it"),
      "not-a-checkpoint",
      "with load",
    ],
    ["a web page", new TextEncoder().encode("<!DOCTYPE html><html>"), "not-a-checkpoint", "web page"],
    ["an index as bytes", new TextEncoder().encode('{\n "weight_map": {}}'), "not-a-checkpoint", "index"],
  ];
  for (const [what, bytes, kind, message] of cases)
    it(what, async () => {
      const error = await refusal(bytes);
      expect(error.kind).toBe(kind);
      expect(error.message).toContain(message);
      expect(error.message.length).toBeLessThan(600);
    });
});

describe("damage", () => {
  it("at every byte where a file can end is an error that says so", async () => {
    for (let length = 1; length < reference.length; length++)
      expect((await refusal(reference.slice(0, length))).kind, `${length} bytes`).toBe("truncated");
  });

  it("of one bit of the data changes that element and no other, of the header names an error or other tensors", async () => {
    const before = await loadSafetensors(reference);
    const dataStart = 8 + Number(new DataView(reference.buffer).getBigUint64(0, true));
    for (let bit = 0; bit < 8 * reference.length; bit++) {
      const bytes = reference.slice();
      bytes[bit >> 3] ^= 1 << (bit & 7);
      const loaded = await loadSafetensors(bytes).catch((error: unknown) => {
        expect(error).toBeInstanceOf(CheckpointError);
      });
      if (bit >> 3 < dataStart || !loaded) {
        expect(bit >> 3).toBeLessThan(dataStart);
        continue;
      }
      const changed = [...loaded].filter(([name, tensor]) => {
        const old = before.get(name);
        return (
          !old ||
          Buffer.compare(new Uint8Array(elementsOf(old).buffer), new Uint8Array(elementsOf(tensor).buffer)) !== 0
        );
      });
      // bool is the last tensor, of three bytes; of one that is true already, the other bits mean nothing.
      const isTrueStill = bit >> 3 >= reference.length - 3 && reference[bit >> 3] === 1 && (bit & 7) > 0;
      expect(changed.length, `bit ${bit}`).toBe(isTrueStill ? 0 : 1);
    }
  }, 60_000);
});

describe("memory and time", () => {
  it("a header of small numbers without end is refused by its cost", async () => {
    const bytes = file(entry(`"shape":[${"0,".repeat(2_000_000)}0]`));
    await expect(loadSafetensors(bytes, { maxObjectBytes: 2 ** 24 })).rejects.toMatchObject({ kind: "limit" });
  });

  it("a hundred thousand tensors are read", async () => {
    const tensor = fromHost(Uint8Array.of(7), []);
    const bytes = await toSafetensorsBytes(
      new Map(Array.from({ length: 100_000 }, (_, i) => [`layers.${i}.weight`, tensor])),
    );
    expect((await loadSafetensors(bytes)).size).toBe(100_000);
  });

  it("charges tensors of no elements for what a tensor takes", async () => {
    const entries = Array.from({ length: 20_000 }, (_, i) => `"${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`);
    const header = new TextEncoder().encode(`{${entries.join(",")}}`);
    const bytes = new Uint8Array(8 + header.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
    bytes.set(header, 8);
    await expect(loadSafetensors(bytes, { maxObjectBytes: 2 ** 25 })).rejects.toMatchObject({ kind: "limit" });
    expect((await loadSafetensors(bytes)).size).toBe(20_000);
  });
});
