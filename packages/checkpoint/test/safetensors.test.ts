/** The safetensors format: facts of the bytes, round trips, shards, and headers that lie. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, load, loadSafetensors, saveSafetensors, toSafetensorsBytes } from "@kindling/checkpoint";
import { type DType, dtypeInfo, fromHost, type Tensor } from "@kindling/core";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { concat } from "../dist/zip/writer.js";
import { describeValue } from "./described.js";

const folder = mkdtempSync(join(tmpdir(), "kindling-safetensors-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const DTYPES: readonly DType[] = [
  "float64",
  "float32",
  "float16",
  "bfloat16",
  "int64",
  "int32",
  "int16",
  "int8",
  "uint64",
  "uint32",
  "uint16",
  "uint8",
  "bool",
  "float8_e4m3fn",
  "float8_e5m2",
  "complex64",
];

const tensors: fc.Arbitrary<Tensor> = fc
  .record({
    dtype: fc.constantFrom(...DTYPES),
    shape: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
    seed: fc.nat(255),
  })
  .map(({ dtype, shape, seed }) => {
    const { array, bytes, entries } = dtypeInfo(dtype);
    const length = shape.reduce((a, b) => a * b, 1);
    const mask = dtype === "bool" ? 1 : 255;
    const raw = Uint8Array.from({ length: length * bytes }, (_, i) => (seed ^ (i * 37)) & mask);
    return fromHost(new array(raw.buffer, 0, length * entries), shape, dtype);
  });

const named = fc
  .uniqueArray(fc.tuple(fc.oneof(fc.string(), fc.constantFrom("__proto__", "0", "1")), tensors), {
    selector: ([name]) => name,
    maxLength: 6,
  })
  .filter((entries) => entries.every(([name]) => name !== "__metadata__"))
  .map((entries) => new Map(entries));

const sorted = (map: ReadonlyMap<string, Tensor>): unknown[] =>
  [...map].map(([name, tensor]) => [name, describeValue(tensor)]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));

/** A file of a header and data. */
function file(header: string, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const json = new TextEncoder().encode(header);
  const length = new Uint8Array(new BigUint64Array([BigInt(json.length)]).buffer);
  return concat([length, json, data]);
}

describe("round trip", () => {
  it("keeps names, dtypes, shapes, bits and metadata", async () => {
    await fc.assert(
      fc.asyncProperty(named, fc.dictionary(fc.string(), fc.string()), async (map, metadata) => {
        const bytes = await toSafetensorsBytes(map, { metadata });
        const loaded = await loadSafetensors(bytes);
        expect(sorted(loaded)).toEqual(sorted(map));
        const kept = (loaded.attributes.get("__metadata__") ?? new Map()) as Map<string, string>;
        expect([...kept]).toEqual(Object.entries(metadata));
        expect(await toSafetensorsBytes(loaded)).toEqual(bytes);
      }),
      { numRuns: 200 },
    );
  });

  it("loads tensors as trainable neither more nor less than they were: never", async () => {
    const weight = fromHost(Float32Array.of(1), [1]).requiresGrad_();
    const loaded = await loadSafetensors(await toSafetensorsBytes({ weight }));
    expect(loaded.get("weight")?.requiresGrad).toBe(false);
  });
});

describe("the bytes", () => {
  it("are those of the reference writer: aligned header, wide dtypes first, then by name", async () => {
    const bytes = await toSafetensorsBytes({
      b: fromHost(Float32Array.of(1, 2), [2]),
      a: fromHost(Float32Array.of(3), []),
      n: fromHost(BigInt64Array.of(5n), [1]),
    });
    const length = Number(new BigUint64Array(bytes.slice(0, 8).buffer)[0]);
    expect(length % 8).toBe(0);
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + length)).trimEnd()).toBe(
      '{"n":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
        '"a":{"dtype":"F32","shape":[],"data_offsets":[8,12]},' +
        '"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}}',
    );
    expect([...new Float32Array(bytes.slice(8 + length + 8).buffer)]).toEqual([3, 1, 2]);
  });

  it("have no name for complex128", async () => {
    const tensor = fromHost(new Float64Array(2), [1], "complex128");
    await expect(toSafetensorsBytes({ tensor })).rejects.toMatchObject({ kind: "unsupported" });
  });
});

describe("shards", () => {
  it("are written with an index, and read through it", async () => {
    const map = new Map(
      Array.from({ length: 5 }, (_, i): [string, Tensor] => [`layer.${i}`, fromHost(Float32Array.of(i, i), [2])]),
    );
    await saveSafetensors(map, join(folder, "model.safetensors"), { maxShardBytes: 16 });
    expect(readdirSync(folder).sort()).toEqual([
      "model-00001-of-00003.safetensors",
      "model-00002-of-00003.safetensors",
      "model-00003-of-00003.safetensors",
      "model.safetensors.index.json",
    ]);
    const index = join(folder, "model.safetensors.index.json");
    expect(JSON.parse(readFileSync(index, "utf8"))).toMatchObject({ metadata: { total_size: 40 } });
    expect(sorted(await loadSafetensors(index))).toEqual(sorted(map));
  });

  it("may lie nowhere but beside the index, and must hold what it says", async () => {
    const index = join(folder, "bad.safetensors.index.json");
    for (const name of ["../x.safetensors", "/etc/passwd", "a\\b.safetensors", "x.pth", 3]) {
      writeFileSync(index, JSON.stringify({ weight_map: { w: name } }));
      await expect(loadSafetensors(index)).rejects.toMatchObject({ kind: "safetensors" });
    }
    writeFileSync(index, JSON.stringify({ weight_map: { w: "model-00001-of-00003.safetensors" } }));
    await expect(loadSafetensors(index)).rejects.toMatchObject({ kind: "missing-member" });
    writeFileSync(index, "[");
    await expect(loadSafetensors(index)).rejects.toMatchObject({ kind: "safetensors" });
  });
});

describe("headers that lie are refused", () => {
  const entry = (fields: object) =>
    JSON.stringify({ w: { dtype: "F32", shape: [1], data_offsets: [0, 4], ...fields } });
  const cases: readonly [name: string, bytes: Uint8Array, kind: string][] = [
    ["an empty file", new Uint8Array(0), "not-a-checkpoint"],
    ["a length beyond the file", new Uint8Array(8).fill(1, 0, 3), "truncated"],
    ["a length beyond memory", new Uint8Array(16).fill(255), "safetensors"],
    ["no JSON", file("{"), "safetensors"],
    ["no object", file("[]"), "safetensors"],
    ["deep JSON", file(`{"a":${"[".repeat(100_000)}`), "safetensors"],
    ["an unknown dtype", file(entry({ dtype: "F4" }), new Uint8Array(4)), "unsupported"],
    ["a dtype of Object.prototype", file(entry({ dtype: "constructor" }), new Uint8Array(4)), "unsupported"],
    ["a negative size", file(entry({ shape: [-1] }), new Uint8Array(4)), "safetensors"],
    ["a fraction", file(entry({ shape: [1.5] }), new Uint8Array(4)), "safetensors"],
    ["a size that does not fit its bytes", file(entry({ shape: [2] }), new Uint8Array(4)), "safetensors"],
    ["a product that overflows", file(entry({ shape: [2 ** 52, 2 ** 52] }), new Uint8Array(4)), "safetensors"],
    ["offsets backwards", file(entry({ data_offsets: [4, 0] }), new Uint8Array(4)), "safetensors"],
    ["offsets beyond the file", file(entry({}), new Uint8Array(3)), "truncated"],
    ["a gap", file(entry({ data_offsets: [1, 5] }), new Uint8Array(5)), "safetensors"],
    ["bytes of no tensor", file(entry({}), new Uint8Array(5)), "safetensors"],
    [
      "two tensors over one another",
      file(
        '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}',
        new Uint8Array(4),
      ),
      "safetensors",
    ],
    ["metadata that is no text", file('{"__metadata__":{"a":1}}'), "safetensors"],
  ];
  for (const [name, bytes, kind] of cases) {
    it(name, async () => {
      await expect(loadSafetensors(bytes)).rejects.toMatchObject({ name: "CheckpointError", kind });
    });
  }
});

it("load says which function reads it, and inspect reads it", async () => {
  const bytes = await toSafetensorsBytes({ w: fromHost(Float32Array.of(1), [1]) });
  await expect(load(bytes)).rejects.toThrow("loadSafetensors");
  expect(await inspect(bytes)).toMatchObject({
    format: "safetensors",
    fileBytes: bytes.length,
    tensors: [{ name: "w", shape: [1], dtype: "float32", bytes: 4 }],
  });
});
