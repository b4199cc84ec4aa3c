/** The allocator of the cpu device, by property. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ALIGNMENT, type Block, Heap } from "../dist/cpu/memory.js";

const START = 1024;
const LIMIT = START + 256 * 4096;

const action = fc.oneof(
  fc.record({
    kind: fc.constant("allocate" as const),
    bytes: fc.integer({ min: 0, max: 200_000 }),
    idle: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("release" as const), which: fc.nat(), run: fc.nat(20) }),
);

describe("Heap", () => {
  it("gives blocks that are aligned, within bounds, large enough, and apart", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        let reached = START;
        const heap = new Heap(START, LIMIT, (end) => {
          reached = Math.max(reached, end);
          return true;
        });
        const live: Block[] = [];
        for (const a of actions) {
          if (a.kind === "release") {
            const [block] = live.splice(a.which % Math.max(1, live.length), 1);
            if (block) heap.release(block, a.run);
            continue;
          }
          const block = heap.allocate(a.bytes, a.idle ? 10 : undefined);
          if (!block) continue;
          expect(block.address % ALIGNMENT).toBe(0);
          expect(block.size).toBeGreaterThanOrEqual(Math.max(1, a.bytes));
          expect(block.address).toBeGreaterThanOrEqual(START);
          expect(block.address + block.size).toBeLessThanOrEqual(reached);
          if (a.idle) expect(block.busyUntil).toBeLessThanOrEqual(10);
          for (const other of live)
            expect(
              block.address + block.size <= other.address || other.address + other.size <= block.address,
              "blocks overlap",
            ).toBe(true);
          live.push(block);
        }
        const used = live.reduce((bytes, b) => bytes + b.size, 0);
        expect(heap.freeBytes + used).toBe(reached - START);
      }),
    );
  });

  it("joins freed blocks, in whatever order they come back, into the one that there was", () => {
    const order = fc
      .array(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 40 })
      .chain((sizes) =>
        fc.tuple(
          fc.constant(sizes),
          fc.shuffledSubarray([...sizes.keys()], { minLength: sizes.length }),
          fc.array(fc.nat(9), { minLength: sizes.length, maxLength: sizes.length }),
        ),
      );
    fc.assert(
      fc.property(order, ([sizes, indices, runs]) => {
        let reached = START;
        const heap = new Heap(START, LIMIT, (end) => {
          reached = end;
          return true;
        });
        const blocks = sizes.map((bytes) => heap.allocate(bytes) as Block);
        indices.forEach((index, i) => {
          heap.release(blocks[index], runs[i]);
        });
        const all = reached - START;
        // The whole is as busy as its busiest part.
        const busy = Math.max(...runs);
        expect(heap.allocate(all)).toEqual({ address: START, size: all, busyUntil: busy });
        expect(reached).toBe(START + all);
      }),
    );
  });

  it("reuses freed memory before it takes new", () => {
    let reached = 0;
    const heap = new Heap(START, LIMIT, (end) => {
      reached = end;
      return true;
    });
    const [small, , large] = [2048, 256, 8192, 256].map((bytes) => heap.allocate(bytes) as Block);
    const before = reached;
    heap.release(large, 0);
    heap.release(small, 0);
    expect(heap.allocate(2000)?.address).toBe(small.address);
    expect(heap.allocate(2000)?.address).toBe(large.address);
    expect(reached).toBe(before);
  });

  it("takes only what is missing when the last block is free", () => {
    let reached = 0;
    const heap = new Heap(START, LIMIT, (end) => {
      reached = end;
      return true;
    });
    const block = heap.allocate(4096) as Block;
    heap.release(block, 7);
    expect(heap.allocate(8192)).toEqual({ address: block.address, size: 8192, busyUntil: 7 });
    expect(reached).toBe(START + 8192);
  });

  it("keeps busy memory from those who ask for idle memory", () => {
    const heap = new Heap(START, LIMIT, () => true);
    const block = heap.allocate(4096) as Block;
    heap.release(block, 7);
    expect(heap.allocate(4096, 6)?.address).toBe(block.address + 4096);
    expect(heap.allocate(4096, 7)?.address).toBe(block.address);
  });

  it("gives undefined at its limit, and where memory cannot grow", () => {
    const heap = new Heap(START, START + 4096, () => true);
    expect(heap.allocate(4097)).toBeUndefined();
    expect(heap.allocate(4096)).toBeDefined();
    expect(heap.allocate(1)).toBeUndefined();
    expect(new Heap(START, LIMIT, () => false).allocate(1)).toBeUndefined();
  });
});
