/** Sharded safetensors: the division and the index of Hugging Face, what an earlier save left, and indexes that lie. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load, loadSafetensors, saveSafetensors, toBytes, toSafetensorsBytes } from "@kindling/checkpoint";
import { type DType, dtypeInfo, fromHost, type Tensor } from "@kindling/core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { platform as browser } from "../dist/platform/browser.js";
import { describeValue } from "./described.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kindling-shards-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  vi.unstubAllGlobals();
});

const path = (name: string): string => join(folder, name);
const floats = (...values: number[]): Tensor => fromHost(Float32Array.from(values), [values.length]);
const weights = (count: number): Map<string, Tensor> =>
  new Map(Array.from({ length: count }, (_, i) => [`layer.${i}`, floats(i, i)]));
const index = (map: object): void =>
  writeFileSync(path("m.safetensors.index.json"), JSON.stringify({ weight_map: map }));
const refused = (kind: string, message: string) =>
  expect(loadSafetensors(path("m.safetensors.index.json"))).rejects.toMatchObject({
    kind,
    message: expect.stringContaining(message) as string,
  });

describe("saving", () => {
  it("divides in the order given, and gives what is too large a file of its own", async () => {
    const tensors = { z: floats(1), large: floats(1, 2, 3, 4, 5), b: floats(2), é: floats(3) };
    await saveSafetensors(tensors, path("m.safetensors"), { maxShardBytes: 8, metadata: { format: "pt" } });
    expect(readFileSync(path("m.safetensors.index.json"), "utf8")).toBe(
      `{
  "metadata": {
    "total_size": 32
  },
  "weight_map": {
    "b": "m-00002-of-00003.safetensors",
    "large": "m-00001-of-00003.safetensors",
    "z": "m-00002-of-00003.safetensors",
    "\\u00e9": "m-00003-of-00003.safetensors"
  }
}
`,
    );
    const loaded = await loadSafetensors(path("m.safetensors.index.json"));
    expect(loaded.attributes.get("__metadata__")).toEqual(new Map([["format", "pt"]]));
    expect(describeValue(loaded.get("é") as Tensor)).toEqual(describeValue(tensors.é));
  });

  it("leaves nothing of an earlier division, and nothing else touched", async () => {
    writeFileSync(path("m-notes.safetensors"), "");
    await saveSafetensors(weights(3), path("m.safetensors"));
    await saveSafetensors(weights(3), path("m.safetensors"), { maxShardBytes: 8 });
    expect(readdirSync(folder)).toHaveLength(5);
    expect(readdirSync(folder)).not.toContain("m.safetensors");
    await saveSafetensors(weights(4), path("m.safetensors"), { maxShardBytes: 16 });
    expect(readdirSync(folder).sort()).toEqual([
      "m-00001-of-00002.safetensors",
      "m-00002-of-00002.safetensors",
      "m-notes.safetensors",
      "m.safetensors.index.json",
    ]);
    await saveSafetensors(weights(4), path("m.safetensors"), { maxShardBytes: 1000 });
    expect(readdirSync(folder).sort()).toEqual(["m-notes.safetensors", "m.safetensors"]);
  });

  it("that breaks off leaves no index that takes new shards for old ones", async () => {
    await saveSafetensors(weights(4), path("m.safetensors"), { maxShardBytes: 16 });
    const broken = weights(4);
    const last = broken.get("layer.3") as Tensor;
    vi.spyOn(last, "snapshot").mockReturnValue({
      read: () => Promise.reject(new Error("the device is lost")),
      release: () => undefined,
    });
    await expect(saveSafetensors(broken, path("m.safetensors"), { maxShardBytes: 16 })).rejects.toThrow(
      "device is lost",
    );
    expect(readdirSync(folder)).not.toContain("m.safetensors.index.json");
  });

  it("refuses what the format has no place for", async () => {
    const w = floats(1);
    for (const [tensors, message] of [
      [new Map<unknown, unknown>([[1, w]]), "names"],
      [{ epoch: 3, w }, "findStateDict"],
      [{ "\ud800": w }, "half"],
      [{ __metadata__: w }, "__metadata__"],
      [{ c: fromHost(new Float64Array(2), [1], "complex128") }, "complex128"],
    ] as const)
      await expect(toSafetensorsBytes(tensors as Map<string, Tensor>)).rejects.toMatchObject({
        kind: "unsupported",
        message: expect.stringContaining(message) as string,
      });
    const metadata = { epoch: 1 } as unknown as Record<string, string>;
    await expect(toSafetensorsBytes({ w }, { metadata })).rejects.toMatchObject({ kind: "unsupported" });
    await expect(saveSafetensors({ w }, path("m"), { maxShardBytes: 0 })).rejects.toMatchObject({
      kind: "unsupported",
    });
  });

  it("writes tied tensors under each of their names", async () => {
    const tied = floats(1, 2);
    const loaded = await loadSafetensors(await toSafetensorsBytes({ "embed.weight": tied, "head.weight": tied }));
    expect([...loaded.values()].map(describeValue)).toEqual([describeValue(tied), describeValue(tied)]);
  });
});

describe("reading", () => {
  it("takes the tensors that the index lists, and refuses what is not where it says", async () => {
    await saveSafetensors(weights(2), path("a.safetensors"));
    index({ "layer.1": "a.safetensors" });
    expect([...(await loadSafetensors(path("m.safetensors.index.json"))).keys()]).toEqual(["layer.1"]);
    index({ "layer.1": "a.safetensors", other: "a.safetensors" });
    await refused("missing-member", '"other"');
    index({ "layer.1": "b.safetensors" });
    await refused("io", "m.safetensors.index.json: a shard is missing");
    writeFileSync(path("m.safetensors.index.json"), '{"weight_map":{"a":"a.safetensors","a":"b.safetensors"}}');
    await refused("safetensors", "twice");
    writeFileSync(path("m.safetensors.index.json"), '{"metadata":{"total_size":1.5,"x":[null,-1e9]}}');
    await refused("safetensors", "no weight_map");
  });

  it("asks for the file where a folder is given", async () => {
    await expect(loadSafetensors(folder)).rejects.toMatchObject({
      kind: "io",
      message: expect.stringContaining("is a folder") as string,
    });
  });

  it("has one budget for all shards", async () => {
    await saveSafetensors(weights(4), path("m.safetensors"), { maxShardBytes: 8 });
    const limited = (maxTensorBytes: number) => loadSafetensors(path("m.safetensors.index.json"), { maxTensorBytes });
    await expect(limited(31)).rejects.toMatchObject({ kind: "limit" });
    expect((await limited(32)).size).toBe(4);
  });

  it("asks a server for shards beside the index, with the query of the index", async () => {
    await saveSafetensors(weights(2), path("m.safetensors"), { maxShardBytes: 8 });
    const asked = new Set<string>();
    vi.stubGlobal("fetch", async (url: string | URL) => {
      asked.add(String(url));
      return new Response(readFileSync(path(new URL(url).pathname.replace(/^.*\//, ""))));
    });
    const address = new URL("https://example.org/resolve/m.safetensors.index.json?download=true#top");
    expect((await loadSafetensors(address)).size).toBe(2);
    expect([...asked].slice(1)).toEqual([
      "https://example.org/resolve/m-00001-of-00002.safetensors?download=true",
      "https://example.org/resolve/m-00002-of-00002.safetensors?download=true",
    ]);
  });

  it("finds shards beside relative addresses in browsers", () => {
    expect(browser.sibling("m.index.json", "a b.safetensors")).toBe("a%20b.safetensors");
    expect(browser.sibling("/x/m.json?t=a/b#c/d", "a.safetensors")).toBe("/x/a.safetensors?t=a/b");
  });
});

it("bits survive the way from .pth to safetensors and back, of every dtype", async () => {
  const dtypes: DType[] = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "complex64",
    "int64",
    "uint16",
    "float8_e8m0fnu",
    "float8_e4m3fnuz",
  ];
  const tensor = fc
    .tuple(fc.constantFrom(...dtypes), fc.uint8Array({ minLength: 8, maxLength: 64 }))
    .map(([dtype, raw]) => {
      const { array, bytes, entries } = dtypeInfo(dtype);
      const length = Math.floor(raw.length / bytes);
      return fromHost(new array(raw.slice(0, length * bytes).buffer, 0, length * entries), [length], dtype);
    });
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string(), tensor), async (tensors) => {
      const state = new Map(Object.entries(tensors).filter(([name]) => name !== "__metadata__"));
      const first = (await load(await toBytes(state))) as Map<string, Tensor>;
      const second = await loadSafetensors(await toSafetensorsBytes(first));
      const third = (await load(await toBytes(second))) as Map<string, Tensor>;
      for (const [name, value] of state) expect(describeValue(third.get(name) as Tensor)).toEqual(describeValue(value));
    }),
    { numRuns: 50 },
  );
});
