/** Parts of the webgpu device that need no GPU. */

import { describe, expect, it } from "vitest";
import { isSoftware } from "../dist/webgpu/adapter.js";
import { BindGroups } from "../dist/webgpu/bind-groups.js";
import type { Ledger } from "../dist/webgpu/ledger.js";
import { type Piece, Pool } from "../dist/webgpu/memory.js";
import { OrderedQueue, Ready } from "../dist/webgpu/order.js";
import type { Pipeline } from "../dist/webgpu/pipelines.js";
import { targetOf } from "../dist/webgpu/target.js";

describe("isSoftware", () => {
  const info = {
    isFallbackAdapter: false,
    vendor: "",
    architecture: "",
    device: "",
    description: "",
  } as GPUAdapterInfo;

  it.each([
    [{ architecture: "swiftshader" }, true],
    [{ description: "llvmpipe (LLVM 15.0.6, 256 bits)" }, true],
    [{ device: "llvmpipe-llvm-15-0-6-256-bits-" }, true],
    [{ description: "Microsoft Basic Render Driver" }, true],
    [{ isFallbackAdapter: true }, true],
    [{ vendor: "nvidia", architecture: "ada-lovelace", description: "NVIDIA GeForce RTX 4090" }, false],
    [{ vendor: "apple", architecture: "metal-3" }, false],
    [{ vendor: "intel", description: "Intel(R) Iris(R) Xe Graphics, software that warps" }, false],
  ])("%o: %s", (some, software) => {
    expect(isSoftware({ ...info, ...some })).toBe(software);
  });
});

describe("targetOf", () => {
  const limits = {
    maxStorageBufferBindingSize: 2 ** 27,
    maxBufferSize: 2 ** 28,
    maxStorageBuffersPerShaderStage: 8,
    maxComputeWorkgroupStorageSize: 16384,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupsPerDimension: 65535,
  } as GPUSupportedLimits;

  it("makes pieces of the largest power of two that a binding takes", () => {
    expect(targetOf(limits, {}, false).pieceElements).toBe(2 ** 25);
    expect(targetOf({ ...limits, maxStorageBufferBindingSize: 2 ** 27 - 4 }, {}, false).pieceElements).toBe(2 ** 24);
    expect(
      targetOf({ ...limits, maxStorageBufferBindingSize: 2 ** 32, maxBufferSize: 2 ** 32 }, {}, false),
    ).toMatchObject({ pieceElements: 2 ** 29, storageBuffers: 8 });
  });

  it("takes limits that are tighter than the adapter's, and none that are wider", () => {
    const tight = targetOf(limits, { storageBuffers: 4, bindingBytes: 4096, bufferBytes: 1024 }, false);
    expect(tight).toMatchObject({ storageBuffers: 4, pieceElements: 256 });
    expect(targetOf(limits, { storageBuffers: 99, bindingBytes: 2 ** 40 }, false)).toEqual(targetOf(limits, {}, false));
  });
});

describe("Pool", () => {
  const pool = (limit = Infinity) => {
    const destroyed: number[] = [];
    const maker = { create: () => ({}) as GPUBuffer, destroy: ({ id }: Piece) => destroyed.push(id) };
    return { pool: new Pool(maker, limit), destroyed };
  };
  const take = (from: Pool, ...sizes: number[]): Piece[] => from.take(sizes, "a test")!;

  it("wastes at most an eighth, but for the smallest", () => {
    for (const size of [4, 256, 257, 3000, 4097, 2 ** 20 + 1, 2 ** 27, 2 ** 31]) {
      const [{ bytes }] = take(pool().pool, size);
      expect(bytes).toBeGreaterThanOrEqual(size);
      expect(bytes).toBeLessThan(Math.max(size * 1.125, size + 256));
    }
  });

  it("gives equal steps equal pieces", () => {
    const { pool: p } = pool();
    const step = (): number[] => {
      const pieces = [...take(p, 1000, 5000, 1000), ...take(p, 1000)];
      p.give([pieces[2], pieces[0]]);
      p.give([pieces[1], pieces[3]]);
      return pieces.map(({ id }) => id);
    };
    const first = step();
    expect(step()).toEqual(first);
    expect(step()).toEqual(first);
  });

  it("destroys what has been idle longest to keep to the limit, and takes nothing if it cannot", () => {
    const { pool: p, destroyed } = pool(4096);
    const [a, b] = take(p, 1024, 2048);
    p.give([b]);
    p.give([a]);
    const [c] = take(p, 1536);
    expect(destroyed).toEqual([b.id]);
    expect(p.reserved).toBe(1024 + 1536);
    expect(p.take([1024, 2048], "a test")).toBeUndefined();
    expect(take(p, 1024)).toEqual([a]);
    p.give([a, c]);
    expect(take(p, 4096)[0].bytes).toBe(4096);
    expect(p.reserved).toBe(4096);
  });
});

describe("BindGroups", () => {
  const made: string[] = [];
  const gpu = { createBindGroup: ({ label }: { label: string }) => made.push(label) } as unknown as GPUDevice;
  const ledger = { guard: (_: unknown, act: () => unknown) => act() } as unknown as Ledger;
  const pipeline = { signature: "rw" } as Pipeline;
  const piece = (id: number): Piece => ({ id, gpu: {} as GPUBuffer, bytes: 1024 });
  const bound = (p: Piece, bytes = 1024, offset = 0) => ({ piece: p, offset, bytes });

  it("makes one for what is bound, and again when a piece of it was destroyed or it was not used for long", () => {
    const groups = new BindGroups(gpu, ledger, {} as GPUBuffer);
    const [a, b, c] = [piece(0), piece(1), piece(2)];
    const get = (...pieces: Piece[]) =>
      groups.get(
        pipeline,
        pieces.map((p) => bound(p)),
        "kernel",
      );
    const first = get(a, b);
    expect(get(a, b)).toBe(first);
    expect(get(b, a)).not.toBe(first);
    expect(groups.get(pipeline, [bound(a), bound(b, 512)], "kernel")).not.toBe(first);
    expect(groups.get(pipeline, [bound(a), bound(b, 1024, 256)], "kernel")).not.toBe(first);
    const other = get(b, c);
    groups.forget(a);
    expect(get(b, c)).toBe(other);
    expect(get(a, b)).not.toBe(first);
    for (let id = 3; id < 10_000; id++) get(b, piece(id));
    expect(get(b, c)).not.toBe(other);
    const before = made.length;
    get(b, piece(9_999));
    expect(made.length).toBe(before);
  });
});

describe("OrderedQueue", () => {
  it("acts at once while nothing waits, and in order when it does", async () => {
    const queue = new OrderedQueue();
    const done: number[] = [];
    const gates = [0, 1].map(() => {
      let open!: () => void;
      const ready = new Ready(new Promise<void>((resolve) => (open = resolve)));
      return { open, ready };
    });
    queue.add(() => done.push(1));
    expect(done).toEqual([1]);
    queue.add(() => done.push(2), gates[0].ready);
    queue.add(() => done.push(3));
    queue.add(() => done.push(4), Ready.all([gates[0].ready, gates[1].ready]));
    queue.add(() => {
      done.push(5);
      queue.add(() => done.push(7));
    });
    queue.add(() => done.push(6), gates[1].ready);
    gates[1].open();
    await Promise.resolve();
    expect(done).toEqual([1]);
    gates[0].open();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(done).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(queue.blocked).toBe(false);
    queue.add(() => done.push(8), Ready.all([gates[0].ready]));
    expect(done.at(-1)).toBe(8);
  });
});
