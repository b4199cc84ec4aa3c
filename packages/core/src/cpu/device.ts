/**
 * The cpu device: kernels are WebAssembly, memory is one `WebAssembly.Memory`, and runs are executed in order by threads
 * that share it. It owns nothing native: no file, no driver, no flag.
 */

import { platform } from "#platform";
import type { CompiledPlan, Device, DeviceBuffer, DeviceMemory } from "../device.js";
import { checkRun, outOfMemory } from "../device-checks.js";
import type { ComputeDType, TypedArray } from "../dtype.js";
import { ArgumentError, DeviceError } from "../errors.js";
import { type Kernel, kernelsByKind, type Plan, type PlannedKernel } from "../kernel.js";
import { writtenExternals } from "../uses.js";
import { copyKernel } from "./copy.js";
import { CPU_BYTES, type CpuCode, type CpuKernel } from "./kernel.js";
import { MAX_THREADS } from "./layout.js";
import type { Block, Heap } from "./memory.js";
import { PreparedOperands } from "./prepared.js";
import { bindProgram, encodeProgram, estimate, type LoadedKernel, type Program } from "./program.js";
import { MAX_COMMAND_WORDS, RunQueue } from "./queue.js";
import { checkSize, heapOf, LARGEST_BUFFER, reserve, type Space } from "./space.js";
import { Threads } from "./threads.js";

export interface CpuDeviceOptions {
  /** Worker threads; by default as many as there are cores, at most 16. Without shared memory there is one thread. */
  readonly threads?: number;
  /** Milliseconds of estimated work that the calling thread does itself before it starts worker threads; by default about
   *  what starting one takes. */
  readonly patience?: number;
  /** Most bytes that buffers, slots and scratch may take together; by default what WebAssembly can address, 4 GiB. */
  readonly memoryLimit?: number;
  /**
   * Has V8 join neighbouring vector operations into ones of 256 bits, by its flag `--experimental-wasm-revectorize`: matrix
   * products are up to twice as fast. The flag is experimental and holds for the whole process, whatever else runs in
   * it. Nothing happens where the engine cannot: it takes Node 24 or later on x64.
   */
  readonly revectorize?: boolean;
  /** Executes on the calling thread, as where shared memory cannot be had. */
  readonly inline?: boolean;
  /** Whether 3×3 convolutions may be computed by Winograd's algorithm, by default where that is faster. Its rounding
   *  errors are about 1.5 times those of summing directly; docs/kernels-cpu.md tells their bound. */
  readonly winograd?: boolean;
}

/** How a kernel becomes WebAssembly. */
export type Printer = (kernel: Kernel) => CpuKernel;

const DEFAULT_THREADS = 16;

class CpuBuffer implements DeviceBuffer {
  freed = false;
  /** Number of the last run that uses it. */
  lastUse = 0;
  /** How often it was written. */
  version = 0;

  constructor(
    readonly owner: CpuDevice,
    readonly bytes: number,
    public block: Block,
  ) {}
}

/** What a device made of a plan. */
interface Compilation {
  readonly program: Program;
  /** Estimated work of a run. */
  readonly nanoseconds: number;
  /** Numbers of the externals that it writes. */
  readonly written: readonly number[];
}

class CpuPlan implements CompiledPlan {
  readonly launches: Readonly<Record<string, number>>;

  constructor(
    readonly owner: CpuDevice,
    readonly plan: Plan,
    readonly compiled: number,
    readonly compilation: Compilation,
  ) {
    this.launches = kernelsByKind(plan);
  }
}

/** A kernel's place in a plan. */
type KernelUse = Omit<PlannedKernel, "kernel"> & { readonly name: string };

/** What a device has until it is closed. */
interface Resources {
  readonly memory: WebAssembly.Memory;
  readonly heap: Heap;
  readonly threads: Threads;
  readonly queue: RunQueue;
  /** Slots, workspaces and scratch, shared by all runs, since these follow each other. */
  runMemory: Block | undefined;
  readonly prepared: PreparedOperands;
}

export class CpuDevice implements Device {
  readonly name = "cpu";
  readonly maxBufferBytes: number;
  readonly #print: Printer;
  /** What is known of the memory, for modules and errors; the memory itself goes when the device is closed. */
  readonly #space: Omit<Space, "memory">;
  #resources: Resources | undefined;
  /** Numbers of the functions that the threads know, by the key of their code. */
  readonly #functions = new Map<string, number>();
  readonly #nameNumbers = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #compilations = new WeakMap<Plan, Compilation>();
  #bytes = 0;
  #buffers = 0;
  #peak = 0;

  private constructor(print: Printer, space: Space, threads: Threads) {
    this.#print = print;
    const { memory, ...rest } = space;
    this.#space = rest;
    this.maxBufferBytes = Math.min(space.limit, LARGEST_BUFFER);
    const heap = heapOf(space);
    this.#resources = {
      memory,
      heap,
      threads,
      queue: new RunQueue(memory, threads),
      runMemory: undefined,
      prepared: new PreparedOperands(heap),
    };
  }

  /** Starts a device whose kernels are printed by `printer`. */
  static async start(options: CpuDeviceOptions, printer: Printer | Promise<Printer>): Promise<CpuDevice> {
    const {
      threads = Math.min(platform.cores, DEFAULT_THREADS),
      patience = platform.patience,
      memoryLimit = Number.POSITIVE_INFINITY,
      inline = false,
      revectorize = false,
    } = options;
    if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS)
      throw new ArgumentError(`threads is ${threads}; give a whole number from 1 to ${MAX_THREADS}`);
    if (!(memoryLimit > 0)) throw new ArgumentError(`memoryLimit is ${memoryLimit}; give a positive number of bytes`);
    if (revectorize) platform.revectorize();
    const space = reserve(memoryLimit, platform.threads && !inline);
    const workers = space.shared ? threads : 0;
    const [print, running] = await Promise.all([printer, Threads.start(space.memory, { workers, patience })]);
    return new CpuDevice(print, space, running);
  }

  /** Threads that execute kernels; 0 once the device is closed. */
  get threads(): number {
    return this.#resources?.threads.count ?? 0;
  }

  elementBytes(dtype: ComputeDType): number {
    return CPU_BYTES[dtype];
  }

  allocate(bytes: number, purpose = "a buffer"): DeviceBuffer {
    const open = this.#open();
    checkSize(bytes, purpose);
    const block = this.#allocateBlock(open, bytes, purpose);
    this.#bytes += bytes;
    this.#buffers++;
    this.#peak = Math.max(this.#peak, this.#bytes);
    return new CpuBuffer(this, bytes, block);
  }

  free(buffer: DeviceBuffer): void {
    const b = this.#own(buffer);
    b.freed = true;
    if (!this.#resources) return;
    this.#bytes -= b.bytes;
    this.#buffers--;
    this.#resources.prepared.forget(b);
    this.#resources.heap.release(b.block, b.lastUse);
  }

  upload(buffer: DeviceBuffer, data: TypedArray, _dtype: ComputeDType): void {
    const { memory, heap, queue } = this.#open();
    const b = this.#own(buffer);
    if (data.byteLength > b.bytes)
      throw new DeviceError(`upload of ${data.byteLength} bytes into a buffer of ${b.bytes} bytes`);
    if (b.lastUse > queue.completed)
      throw new DeviceError("upload into a buffer that an enqueued run uses; await settle(0), or take a new buffer");
    if (b.block.busyUntil > queue.completed) {
      const idle = heap.allocate(b.bytes, queue.completed);
      if (idle) {
        heap.release(b.block, b.block.busyUntil);
        b.block = idle;
      } else queue.drain();
    }
    b.version++;
    const source = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(memory.buffer, b.block.address, data.byteLength).set(source);
  }

  async read(buffer: DeviceBuffer, dtype: ComputeDType, first: number, count: number): Promise<ArrayBuffer> {
    const open = this.#open();
    const b = this.#own(buffer);
    const [byteOffset, byteLength] = [first * CPU_BYTES[dtype], count * CPU_BYTES[dtype]];
    if (!(byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= b.bytes))
      throw new DeviceError(`read of ${byteLength} bytes at ${byteOffset} from a buffer of ${b.bytes} bytes`);
    const { memory, queue } = open;
    const bytesAt = (address: number): ArrayBuffer =>
      new Uint8Array(memory.buffer, address, byteLength).slice().buffer as ArrayBuffer;
    if (queue.pending === 0 || byteLength === 0) {
      this.#throwIfFailed(open);
      return bytesAt(b.block.address + byteOffset);
    }
    // What is enqueued later may change the buffer before the host gets to copy it: the threads take a snapshot.
    const snapshot = this.#own(this.allocate(byteLength));
    try {
      const kernel = this.#load(open, copyKernel(byteOffset, byteLength), {
        name: "copy",
        buffers: [
          { kind: "external", index: 0 },
          { kind: "external", index: 1 },
        ],
        flops: 0,
        bytes: 2 * byteLength,
      });
      this.#enqueue(open, encodeProgram([kernel], []), [b, snapshot], new Uint32Array(0));
      await queue.until(snapshot.lastUse);
      this.#throwIfFailed(open);
      return bytesAt(snapshot.block.address);
    } finally {
      this.free(snapshot);
    }
  }

  compile(plan: Plan): CompiledPlan {
    const open = this.#open();
    const known = this.#compilations.get(plan);
    if (known) return new CpuPlan(this, plan, 0, known);
    const nanoseconds = plan.kernels.reduce((sum, kernel) => sum + estimate(kernel), 0);
    for (const { bytes } of plan.slots) checkSize(bytes, "an intermediate result");
    open.threads.announce(nanoseconds);
    const before = this.#functions.size;
    const kernels = plan.kernels.map(({ kernel, buffers, flops, bytes }) =>
      this.#load(open, this.#print(kernel), { name: kernel.name, buffers, flops, bytes }),
    );
    const written = writtenExternals(plan);
    const compilation = { program: encodeProgram(kernels, plan.slots, written), nanoseconds, written };
    this.#compilations.set(plan, compilation);
    return new CpuPlan(this, plan, this.#functions.size - before, compilation);
  }

  run(compiled: CompiledPlan, externals: readonly DeviceBuffer[], uniforms: Uint32Array): void {
    const open = this.#open();
    if (!(compiled instanceof CpuPlan) || compiled.owner !== this)
      throw new DeviceError("run of a plan that another device compiled; compile it on this one");
    const { plan, compilation } = compiled;
    checkRun(plan, externals, uniforms);
    const buffers = externals.map((buffer) => this.#own(buffer));
    open.threads.announce(compilation.nanoseconds);
    this.#enqueue(open, compilation.program, buffers, uniforms);
    for (const i of compilation.written) buffers[i].version++;
  }

  pending(): number {
    return this.#resources?.queue.pending ?? 0;
  }

  async settle(runs: number): Promise<void> {
    const open = this.#open();
    await open.queue.until(open.queue.enqueued - runs);
    this.#throwIfFailed(open);
  }

  memory(): DeviceMemory {
    const reserved = this.#resources?.memory.buffer.byteLength ?? 0;
    return { bytes: this.#bytes, buffers: this.#buffers, reserved, peak: this.#peak };
  }

  resetPeak(): void {
    this.#peak = this.#bytes;
  }

  close(): void {
    const open = this.#resources;
    if (!open) return;
    this.#resources = undefined;
    open.queue.abort(closedError());
    open.threads.close();
    this.#bytes = 0;
    this.#buffers = 0;
  }

  #open(): Resources {
    if (!this.#resources) throw closedError();
    return this.#resources;
  }

  #own(buffer: DeviceBuffer): CpuBuffer {
    if (!(buffer instanceof CpuBuffer) || buffer.owner !== this)
      throw new DeviceError("the buffer belongs to another device; copy its data to this one");
    if (buffer.freed) throw new DeviceError(`the buffer of ${buffer.bytes} bytes was freed`);
    return buffer;
  }

  #throwIfFailed({ queue }: Resources): void {
    const failure = queue.failure();
    if (failure)
      throw new DeviceError(
        `kernel ${this.#names[failure.name]} failed on the cpu device: ${failure.message}. ` +
          "What ran after it was skipped; make a new device and restore from the last checkpoint",
      );
  }

  #allocateBlock(open: Resources, bytes: number, what: string): Block {
    let block = open.heap.allocate(bytes);
    if (!block && open.prepared.bytes > 0) {
      open.prepared.clear();
      block = open.heap.allocate(bytes);
    }
    if (!block && open.runMemory) {
      open.heap.release(open.runMemory, open.queue.enqueued);
      open.runMemory = undefined;
      block = open.heap.allocate(bytes);
    }
    if (block) return block;
    throw outOfMemory({
      device: this.name,
      asked: bytes,
      purpose: what,
      bytes: this.#bytes,
      buffers: this.#buffers,
      limit: this.#space.limit,
      bound: this.#space.bound,
      free: open.heap.largest,
    });
  }

  /** Makes the code of a kernel known to the threads. */
  #load(open: Resources, kernel: CpuKernel, use: KernelUse): LoadedKernel {
    const { name, ...rest } = use;
    const stages = kernel.stages.map((stage) => ({ stage, function: this.#functionOf(open, stage.code, name) }));
    let number = this.#nameNumbers.get(name);
    if (number === undefined) {
      number = this.#names.push(name) - 1;
      this.#nameNumbers.set(name, number);
    }
    const { workspace, prepared } = kernel;
    return { stages, workspace, prepared, name: number, ...rest };
  }

  /** The number of the function that this code, of kernel `name`, is to the threads. */
  #functionOf({ queue }: Resources, code: CpuCode, name: string): number {
    const known = this.#functions.get(code.key);
    if (known !== undefined) return known;
    const bytes = code.assemble(this.#space.shared);
    if (bytes.length > 2 * MAX_COMMAND_WORDS)
      throw new DeviceError(`kernel ${name} is ${bytes.length} bytes of code, more than the cpu device takes`);
    const index = this.#functions.size;
    queue.load(index, bytes);
    this.#functions.set(code.key, index);
    return index;
  }

  #enqueue(open: Resources, program: Program, externals: readonly CpuBuffer[], uniforms: Uint32Array): void {
    if (program.commands.length === 0) return;
    const { queue, threads, prepared } = open;
    const bytes = program.slotBytes + threads.count * program.scratch;
    const slots = this.#runMemory(open, bytes);
    const run = queue.enqueued + 1;
    const kept = program.preparations.map((p) => prepared.place(externals[p.external], p.key, p.bytes, run));
    const addresses = externals.map((b) => b.block.address);
    const scratch = slots + program.slotBytes;
    try {
      queue.run(bindProgram(program, { externals: addresses, slots, scratch, uniforms, kept }));
    } catch (error) {
      // What was to be filled is not.
      prepared.clear();
      throw error;
    }
    for (const b of externals) b.lastUse = queue.enqueued;
    this.#peak = Math.max(this.#peak, this.#bytes + bytes + prepared.bytes);
  }

  /** Address of at least `bytes` for the slots, workspaces and scratch of the next run. */
  #runMemory(open: Resources, bytes: number): number {
    if (bytes === 0) return 0;
    if (open.runMemory && open.runMemory.size < bytes) {
      open.heap.release(open.runMemory, open.queue.enqueued);
      open.runMemory = undefined;
    }
    open.runMemory ??= this.#allocateBlock(open, bytes, "the slots and scratch of a run");
    return open.runMemory.address;
  }
}

const closedError = (): DeviceError => new DeviceError("the cpu device was closed; make a new one");
