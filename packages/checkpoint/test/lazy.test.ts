/** What an open checkpoint reads, and when: of files far larger than what may be read of them. */

import { mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ByteSource,
  bytesSource,
  CheckpointError,
  findStateDict,
  inspect,
  type LazyTensor,
  load,
  OrderedDict,
  openCheckpoint,
  saveSafetensors,
  toBytes,
} from "@kindling/checkpoint";
import { fromHost, type Tensor } from "@kindling/core";
import { afterAll, describe, expect, it } from "vitest";
import { platform } from "../dist/platform/node.js";
import { centralHeader, dataDescriptor, endRecords, localHeader } from "../dist/zip/writer.js";
import { ascii, join as joined, storage } from "./archive.js";

const folder = mkdtempSync(join(tmpdir(), "kindling-lazy-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const GIB = 2 ** 30;
const zeros = (length: number): Tensor => fromHost(new Float32Array(length), [length]);

/** A source that counts the bytes that are read, and keeps their ranges. */
function counting(inner: ByteSource): ByteSource & { bytesRead: number; reads: number } {
  return {
    name: inner.name,
    size: inner.size,
    bytesRead: 0,
    reads: 0,
    read(offset, length) {
      this.bytesRead += length;
      this.reads++;
      return inner.read(offset, length);
    },
    close: () => inner.close(),
  };
}

/** Pieces of a file at their places, the rest a hole that takes no room on the disk. */
async function sparse(path: string, size: number, pieces: readonly (readonly [at: number, bytes: Uint8Array])[]) {
  const file = await open(path, "w");
  for (const [at, bytes] of pieces) await file.write(bytes, 0, bytes.length, at);
  await file.truncate(size);
  await file.close();
}

/** The pickle of a dict of one tensor `big`, over a float storage, and an epoch. */
const pickleOf = (length: number): Uint8Array =>
  ascii(
    `\x80\x02}X\x03\0\0\0bigctorch._utils\n_rebuild_tensor_v2\n(${storage("0", length)}K\0(J${int32(length)}t(K\x01t\x89ccollections\nOrderedDict\n)RtRsX\x05\0\0\0epochK\x07s.`,
  );
const int32 = (value: number): string => Buffer.from(Int32Array.of(value).buffer).toString("latin1");

/** A zip archive with a storage of `size` bytes, all zero. */
async function sparseZip(path: string, size: number): Promise<void> {
  const pickle = pickleOf(size / 4);
  const encode = (text: string) => new TextEncoder().encode(text);
  const first = { name: encode("archive/data.pkl"), crc: platform.crc32(pickle), size: pickle.length, offset: 0 };
  const head = joined(localHeader(first), pickle, dataDescriptor(first));
  // No reader of the directory looks at this checksum, and whoever reads the data must.
  const second = { name: encode("archive/data/0"), crc: 1, size, offset: head.length };
  const header = localHeader(second);
  const dataEnd = head.length + header.length + size;
  const descriptor = dataDescriptor(second);
  const directory = joined(centralHeader(first), centralHeader(second));
  const directoryAt = dataEnd + descriptor.length;
  const end = joined(descriptor, directory, endRecords(2, directory.length, directoryAt));
  await sparse(path, dataEnd + end.length, [
    [0, joined(head, header)],
    [dataEnd, end],
  ]);
}

/** A legacy file with a storage of `size` bytes. */
async function sparseLegacy(path: string, size: number): Promise<void> {
  const magic = ascii("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.");
  const preamble = joined(magic, "\x80\x02M\xe9\x03.", "\x80\x02}.");
  const head = joined(preamble, pickleOf(size / 4), "\x80\x02]X\x01\0\0\x000a.");
  const length = new Uint8Array(BigInt64Array.of(BigInt(size / 4)).buffer);
  await sparse(path, head.length + 8 + size, [[0, joined(head, length)]]);
}

async function sparseSafetensors(path: string, size: number): Promise<void> {
  const header = ascii(`{"big":{"dtype":"F32","shape":[${size / 4}],"data_offsets":[0,${size}]}}`);
  const length = new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer);
  await sparse(path, 8 + header.length + size, [[0, joined(length, header)]]);
}

describe.each([
  { format: "zip", make: sparseZip, size: GIB },
  { format: "zip", make: sparseZip, size: 5 * GIB },
  { format: "legacy", make: sparseLegacy, size: GIB },
  { format: "safetensors", make: sparseSafetensors, size: 5 * GIB },
])("a $format file of $size bytes", ({ format, make, size }) => {
  it("is opened by reading its directory and pickle only", async () => {
    const path = join(folder, "big");
    await make(path, size);
    const file = await platform.openPath(path, {});
    const source = counting(file);
    global.gc?.();
    const before = process.memoryUsage().rss;
    const info = await inspect(source);
    const checkpoint = await openCheckpoint(source);
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 2 ** 20);
    expect(source.bytesRead).toBeLessThan(700_000);
    const big = { name: "big", shape: [size / 4], dtype: "float32", bytes: size, requiresGrad: false };
    expect(info).toMatchObject({ format, storageBytes: size, fileBytes: file.size });
    expect(info.tensors).toMatchObject([big]);
    expect(info.values).toEqual(format === "safetensors" ? [] : [{ name: "epoch", text: "7" }]);
    expect(checkpoint.tensors).toMatchObject([big]);
    await file.close();
    rmSync(path);
  });
});

/** A training checkpoint: weights, two of them tied, and the state of an optimizer. */
async function training(): Promise<Uint8Array> {
  const tied = zeros(1000);
  const model = new OrderedDict<string, Tensor>([
    ["embedding.weight", tied],
    ["head.weight", tied],
    ["bias", fromHost(Float32Array.of(1, 2, 3), [3]).requiresGrad_()],
  ]);
  model.metadata = new Map([["", new Map([["version", 1]])]]);
  const optimizer = {
    state: new Map([[0, { exp_avg: zeros(100_000) }]]),
    param_groups: [{ lr: 0.1, betas: [0.9, 0.99] }],
  };
  return toBytes({ epoch: 3, model, optimizer, note: "a\u001b[31mb" });
}

describe("an open checkpoint", () => {
  it("has its value at once, with handles in the place of tensors", async () => {
    await using checkpoint = await openCheckpoint(await training());
    const value = checkpoint.value as Map<string, unknown>;
    expect(value.get("epoch")).toBe(3);
    const weights = findStateDict(checkpoint.value);
    expect(weights.get("embedding.weight")).toBe(weights.get("head.weight"));
    const bias = weights.get("bias") as LazyTensor;
    expect(bias).toMatchObject({ name: "model.bias", shape: [3], dtype: "float32", bytes: 12 });
    expect((await bias.read()).hostData()).toEqual(Float32Array.of(1, 2, 3));
  });

  it("reads a state dict without what stands beside it, tied weights once", async () => {
    const source = counting(bytesSource(await training()));
    await using checkpoint = await openCheckpoint(source);
    const before = source.bytesRead;
    const state = await checkpoint.readAll(findStateDict(checkpoint.value));
    expect(source.bytesRead - before).toBeLessThan(20_000);
    expect([...state.keys()]).toEqual(["embedding.weight", "head.weight", "bias"]);
    expect(state.get("embedding.weight")).toBe(state.get("head.weight"));
    const whole = findStateDict(await load(await training()));
    expect(state.metadata).toEqual((whole as OrderedDict<string, Tensor>).metadata);
  });

  it("gives every tensor in turn", async () => {
    await using checkpoint = await openCheckpoint(await training());
    const names: string[] = [];
    for await (const [name, tensor] of checkpoint) {
      names.push(name);
      expect(tensor.hostData()).toBeInstanceOf(Float32Array);
    }
    expect(names).toEqual(checkpoint.tensors.map(({ name }) => name));
  });

  it("knows what is no tensor, and which tensors share a storage", async () => {
    const { tensors, values } = await inspect(await training());
    expect(tensors.map(({ sharesWith }) => sharesWith)).toEqual([
      undefined,
      "model.embedding.weight",
      undefined,
      undefined,
    ]);
    expect(values).toEqual([
      { name: "epoch", text: "3" },
      { name: "optimizer.param_groups", text: '[{"lr": 0.1, "betas": [0.9, 0.99]}]' },
      { name: "note", text: '"a\\u001b[31mb"' },
    ]);
  });

  it("refuses to read once it is closed, twice too", async () => {
    for (const input of [await training(), new Blob([new Uint8Array(await training())])]) {
      const checkpoint = await openCheckpoint(input);
      await checkpoint.close();
      await checkpoint.close();
      await expect(checkpoint.read("model.bias")).rejects.toMatchObject({ kind: "io", message: /closed/ });
    }
  });

  it("refuses a name that two tensors have", async () => {
    const twice = new Map<number | string, Tensor>([
      [1, zeros(1)],
      ["1", zeros(2)],
    ]);
    await using checkpoint = await openCheckpoint(await toBytes({ twice }));
    await expect(checkpoint.read("twice.1")).rejects.toMatchObject({ kind: "missing-member" });
  });

  it("reads the same at the same time as one after another", async () => {
    await using checkpoint = await openCheckpoint(new Blob([new Uint8Array(await training())]));
    const read = await Promise.all(Array.from({ length: 20 }, () => checkpoint.read("model.bias")));
    for (const tensor of read) expect(tensor.hostData()).toEqual(Float32Array.of(1, 2, 3));
  });

  it("reads the shards of an index", async () => {
    const path = join(folder, "model.safetensors");
    await saveSafetensors({ a: zeros(100), b: zeros(200) }, path, { maxShardBytes: 500 });
    const index = `${path}.index.json`;
    expect((await inspect(index)).tensors.map(({ name, bytes }) => [name, bytes])).toEqual([
      ["a", 400],
      ["b", 800],
    ]);
    await using checkpoint = await openCheckpoint(index);
    expect((await checkpoint.read("b")).shape).toEqual([200]);
  });
});

describe("a file that changes while it is open", () => {
  it.each(["cut off", "written over"])("and is %s, is refused", async (how) => {
    const path = join(folder, "changing.safetensors");
    await saveSafetensors({ w: zeros(50_000) }, path);
    await using checkpoint = await openCheckpoint(path);
    if (how === "cut off") truncateSync(path, 1000);
    else {
      writeFileSync(path, new Uint8Array(200_100));
      utimesSync(path, 1, 1);
    }
    await expect(checkpoint.read("w")).rejects.toMatchObject({ kind: "io", message: /written to/ });
  });

  it("and is replaced by another, is read as it was", async () => {
    const path = join(folder, "replaced.safetensors");
    await saveSafetensors({ w: fromHost(Float32Array.of(5), [1]) }, path);
    await using checkpoint = await openCheckpoint(path);
    await saveSafetensors({ w: fromHost(Float32Array.of(6), [1]) }, path);
    expect((await checkpoint.read("w")).hostData()).toEqual(Float32Array.of(5));
  });
});

describe("a stream", () => {
  it("that does not end is bounded", async () => {
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(2 ** 16)),
      cancel: () => void (cancelled = true),
    });
    await expect(load(endless, { maxSourceBytes: 2 ** 20 })).rejects.toMatchObject({ kind: "limit" });
    expect(cancelled).toBe(true);
  });

  it("that fails, or brings no bytes, is an error of kind io", async () => {
    const failing = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("broken")) });
    await expect(load(failing)).rejects.toMatchObject({ kind: "io" });
    const texts = new ReadableStream({ pull: (controller) => controller.enqueue("text") });
    await expect(load(texts)).rejects.toBeInstanceOf(CheckpointError);
  });

  it("that brings nothing ends with the signal", async () => {
    const silent = new ReadableStream<Uint8Array>({});
    const reason = new Error("enough");
    const controller = new AbortController();
    const loading = load(silent, { signal: controller.signal });
    controller.abort(reason);
    await expect(loading).rejects.toBe(reason);
  });
});
