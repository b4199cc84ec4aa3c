// How a file is read: neighbours in one go, large parts alone, each in a buffer of its own, and within bounds.

import { setTimeout } from "node:timers/promises";
import { type ByteSource, bytesSource, load, OrderedDict, toBytes } from "@kindling/checkpoint";
import { type DType, fromHost, type Tensor } from "@kindling/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inFlight } from "../dist/in-flight.js";
import { mergeReads } from "../dist/merge-reads.js";
import { swapBytes } from "../dist/tensor.js";

const content = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 2654435761) >>> 13);

/** A source over `content` that remembers what was asked of it. */
function spied(bytes = content): { source: ByteSource; reads: [number, number][]; most: () => number } {
  const inner = bytesSource(bytes);
  const reads: [number, number][] = [];
  let [running, most] = [0, 0];
  const read = async (offset: number, length: number) => {
    reads.push([offset, length]);
    most = Math.max(most, ++running);
    await setTimeout(1);
    running--;
    return inner.read(offset, length);
  };
  return { source: { ...inner, read }, reads, most: () => most };
}

describe("mergeReads", () => {
  test("reads neighbours in one go, in the order of the file, each into a buffer of its own", async () => {
    const { source, reads } = spied();
    const merged = mergeReads(source);
    const places = [5000, 0, 100, 8000].map((offset) => [offset, 50] as const);
    const parts = await Promise.all(places.map(([offset, length]) => merged.read(offset, length)));
    expect(reads).toEqual([
      [0, 150],
      [5000, 3050],
    ]);
    for (const [i, [offset, length]] of places.entries()) {
      expect(parts[i]).toEqual(content.slice(offset, offset + length));
      expect(parts[i].buffer.byteLength).toBe(length);
    }
  });

  test("reads large parts alone, and merges no more than a megabyte", async () => {
    const { source, reads } = spied();
    const merged = mergeReads(source);
    await Promise.all([merged.read(0, 300_000), merged.read(300_000, 8), merged.read(300_008, 300_000)]);
    expect(reads.map(([, length]) => length)).toEqual([300_000, 8, 300_000]);
    reads.length = 0;
    await Promise.all(Array.from({ length: 30 }, (_, i) => merged.read(100_000 * i, 100_000)));
    expect(reads.map(([, length]) => length)).toEqual([1_000_000, 1_000_000, 1_000_000]);
  });

  test("has a few reads under way at most", async () => {
    const { source, reads, most } = spied();
    const merged = mergeReads(source);
    await Promise.all(Array.from({ length: 40 }, (_, i) => merged.read(70_000 * i, 10)));
    expect(reads).toHaveLength(40);
    expect(most()).toBe(8);
  });

  test("gives every reader its own bytes, whatever they ask for", async () => {
    const range = fc.tuple(fc.nat(content.length), fc.oneof(fc.nat(100), fc.nat(200_000)));
    await fc.assert(
      fc.asyncProperty(fc.array(range, { maxLength: 20 }), async (ranges) => {
        const merged = mergeReads(bytesSource(content));
        const inside = ranges.map(([offset, length]) => [offset, Math.min(length, content.length - offset)]);
        const parts = await Promise.all(inside.map(([offset, length]) => merged.read(offset, length)));
        for (const [i, [offset, length]] of inside.entries())
          expect(Buffer.compare(parts[i], content.subarray(offset, offset + length))).toBe(0);
        expect(new Set(parts.map(({ buffer }) => buffer)).size).toBe(parts.length);
      }),
      { numRuns: 50 },
    );
  });

  test("a failed read fails those who asked for it, and no one else", async () => {
    const inner = bytesSource(content);
    const read = (offset: number, length: number) => {
      if (offset < 1000) throw new Error("a bad sector");
      return inner.read(offset, length);
    };
    const merged = mergeReads({ ...inner, read });
    const asked = [merged.read(0, 10), merged.read(20, 10), merged.read(500_000, 10)];
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
  });

  test("closing gives up the reads that wait", async () => {
    const { source, reads } = spied();
    const merged = mergeReads(source);
    const asked = Array.from({ length: 12 }, (_, i) => merged.read(70_000 * i, 10));
    await Promise.resolve();
    await merged.close();
    const outcomes = await Promise.allSettled(asked);
    expect(reads).toHaveLength(8);
    expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(4);
    await expect(asked[11]).rejects.toMatchObject({ kind: "io" });
  });
});

describe("inFlight", () => {
  const megabytes = (n: number): number => n * 2 ** 20;

  test("begins no more than memory allows, and does everything", async () => {
    let [bytes, most] = [0, 0];
    const done: number[] = [];
    await inFlight(
      Array.from({ length: 20 }, (_, i) => i),
      () => megabytes(50),
      async (i) => {
        bytes += megabytes(50);
        most = Math.max(most, bytes);
        await setTimeout(1);
        bytes -= megabytes(50);
        done.push(i);
      },
    );
    expect(done).toHaveLength(20);
    expect(most).toBe(megabytes(150));
  });

  test("throws the first failure and begins nothing after it", async () => {
    const begun: number[] = [];
    const work = inFlight(
      [0, 1, 2, 3, 4],
      () => megabytes(100),
      async (i) => {
        begun.push(i);
        await setTimeout(1);
        if (i === 1) throw new Error(`number ${i}`);
        await setTimeout(5);
      },
    );
    await expect(work).rejects.toThrow("number 1");
    expect(begun).toEqual([0, 1]);
  });

  test("of nothing is nothing", async () => {
    await inFlight(
      [],
      () => 1,
      () => Promise.reject(new Error("never")),
    );
  });
});

describe("load", () => {
  /** As ResNet-18: many small tensors among a few large ones. */
  const value = new OrderedDict<string, Tensor>();
  for (let i = 0; i < 100; i++) {
    const length = i % 10 === 0 ? 100_000 + i : 64;
    value.set(
      `layer${i}`,
      fromHost(
        new Float32Array(length).map((_, j) => i + j / 7),
        [length],
      ),
    );
  }

  test("reads a file of many tensors in few pieces, and keeps nothing else alive with them", async () => {
    const bytes = await toBytes(value);
    const { source, reads } = spied(bytes);
    const loaded = (await load(mergeReads(source))) as Map<string, Tensor>;
    expect(reads.length).toBeLessThan(35);
    expect(reads.reduce((sum, [, length]) => sum + length, 0)).toBeLessThan(1.2 * bytes.length);
    for (const [name, tensor] of value) {
      const [data, wanted] = [await (loaded.get(name) as Tensor).data(), await tensor.data()];
      expect(data.every((number, i) => number === wanted[i])).toBe(true);
      expect([data.length, data.buffer.byteLength]).toEqual([wanted.length, wanted.byteLength]);
    }
  });
});

test.each<[DType, number]>([
  ["uint8", 1],
  ["bfloat16", 2],
  ["int32", 4],
  ["float64", 8],
  ["complex32", 2],
  ["complex64", 4],
  ["complex128", 8],
])("swapBytes of %s turns round every %i bytes", (dtype, width) => {
  const bytes = Uint8Array.from({ length: 48 }, (_, i) => 37 * i + 200);
  const turned = bytes.map((_, i) => bytes[i - (i % width) + width - 1 - (i % width)]);
  swapBytes(bytes, dtype);
  expect(bytes).toEqual(turned);
});
