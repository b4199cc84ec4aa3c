/**
 * The webgpu device: kernels are WGSL compute shaders, memory is GPU buffers, and a run is one submit to the queue. What
 * the host asks for goes to the queue in program order; the queue's order is what makes reuse of memory safe.
 */

import type { CompiledPlan, Device, DeviceBuffer, DeviceMemory } from "../device.js";
import { checkRun, inMiB, outOfMemory } from "../device-checks.js";
import type { ComputeDType, TypedArray } from "../dtype.js";
import { ArgumentError, DeviceError } from "../errors.js";
import type { Plan } from "../kernel.js";
import { chooseAdapter, isSoftware, nameOf } from "./adapter.js";
import { BindGroups } from "./bind-groups.js";
import { BUFFER_USAGE } from "./constants.js";
import { failureOf, Ledger } from "./ledger.js";
import { type Piece, Pool } from "./memory.js";
import type { WebGpuDeviceOptions } from "./options.js";
import { OrderedQueue, Ready } from "./order.js";
import { Pipelines } from "./pipelines.js";
import { ELEMENT_BYTES, type Printer, type Target } from "./program.js";
import { pieceBytes, programOf } from "./programs.js";
import { describeRun, execute, type PlanCode, type RunResources } from "./run.js";
import { type Segment, Staging } from "./staging.js";
import { raisedLimits, targetOf } from "./target.js";
import { fromWords, toWords } from "./words.js";

const CLOSED = "the webgpu device was closed; make a new one";
/** Room for the numbers of a plan. */
const UNIFORM_BYTES = 2 ** 16;
const PIECE_USAGE = BUFFER_USAGE.storage | BUFFER_USAGE.copySource | BUFFER_USAGE.copyTarget;

const sum = (list: readonly number[]): number => list.reduce((total, x) => total + x, 0);

class WebGpuBuffer implements DeviceBuffer {
  freed = false;

  constructor(
    readonly owner: WebGpuDevice,
    readonly bytes: number,
    readonly purpose: string,
    readonly pieces: readonly Piece[],
  ) {}
}

class WebGpuPlan implements CompiledPlan {
  readonly launches: Readonly<Record<string, number>>;

  constructor(
    readonly owner: WebGpuDevice,
    readonly plan: Plan,
    readonly compiled: number,
    readonly code: PlanCode,
  ) {
    this.launches = code.program.launches;
  }
}

/** What a device has until it is closed. */
interface Resources extends RunResources {
  readonly queue: OrderedQueue;
  readonly pool: Pool;
  readonly pipelines: Pipelines;
  readonly staging: Staging;
}

export class WebGpuDevice implements Device {
  readonly name = "webgpu";
  readonly maxBufferBytes: number;
  /** What its shaders may count on. */
  readonly target: Target;
  readonly #limit: number;
  readonly #print: Printer;
  #resources: Resources | undefined;
  readonly #codes = new WeakMap<Plan, PlanCode>();
  #bytes = 0;
  #buffers = 0;
  #peak = 0;

  private constructor(print: Printer, gpu: GPUDevice, target: Target, limit: number) {
    this.#print = print;
    this.target = target;
    this.maxBufferBytes = pieceBytes(target);
    this.#limit = limit;
    this.#resources = open(gpu, limit);
  }

  /** Starts a device whose kernels are printed by `print`. */
  static async start(options: WebGpuDeviceOptions, print: Printer): Promise<WebGpuDevice> {
    const { memoryLimit = Infinity, adapter: wanted = "any", limits = {} } = options;
    if (!(memoryLimit > 0)) throw new ArgumentError(`memoryLimit is ${memoryLimit}; give a positive number of bytes`);
    const adapter = await chooseAdapter(wanted);
    const gpu = await requestDevice(adapter);
    return new WebGpuDevice(print, gpu, targetOf(gpu.limits, limits, isSoftware(adapter.info)), memoryLimit);
  }

  /** The GPU device underneath, for tests of its failures. */
  get gpu(): GPUDevice {
    return this.#open().gpu;
  }

  elementBytes(_dtype: ComputeDType): number {
    return ELEMENT_BYTES;
  }

  allocate(bytes: number, purpose = "a buffer"): DeviceBuffer {
    const [pieces] = this.#take(this.#open(), [bytes], purpose);
    this.#bytes += bytes;
    this.#buffers++;
    this.#peak = Math.max(this.#peak, this.#bytes);
    return new WebGpuBuffer(this, bytes, purpose, pieces);
  }

  free(buffer: DeviceBuffer): void {
    const b = this.#own(buffer);
    b.freed = true;
    if (!this.#resources) return;
    this.#bytes -= b.bytes;
    this.#buffers--;
    this.#resources.pool.give(b.pieces);
  }

  upload(buffer: DeviceBuffer, data: TypedArray, dtype: ComputeDType): void {
    const { gpu, ledger, queue } = this.#open();
    const { pieces, bytes, purpose } = this.#own(buffer);
    let words = toWords(data, dtype);
    if (words.byteLength > bytes)
      throw new DeviceError(`upload of ${words.byteLength} bytes into a buffer of ${bytes} bytes`);
    if (queue.blocked && words.buffer === data.buffer) words = words.slice();
    const perPiece = this.target.pieceElements;
    const write = (): void => {
      for (let p = 0; p * perPiece < words.length; p++) {
        const part = words.subarray(p * perPiece, (p + 1) * perPiece);
        gpu.queue.writeBuffer(pieces[p].gpu, 0, part as Uint32Array<ArrayBuffer>);
      }
    };
    const what = (): string => `the upload of ${words.byteLength} bytes to ${purpose}`;
    const ticket = ledger.open(what);
    queue.add(() => {
      void ledger.attempt(what, write).then(() => ledger.close(ticket));
    });
  }

  async read(buffer: DeviceBuffer, dtype: ComputeDType, first: number, count: number): Promise<ArrayBuffer> {
    const { ledger, queue, staging } = this.#open();
    const b = this.#own(buffer);
    const [from, length] = [first * ELEMENT_BYTES, count * ELEMENT_BYTES];
    if (!(from >= 0 && length >= 0 && from + length <= b.bytes))
      throw new DeviceError(`read of ${length} bytes at ${from} from a buffer of ${b.bytes} bytes`);
    const words = new ArrayBuffer(length);
    const what = (): string => `the read of ${length} bytes of ${b.purpose}`;
    const ticket = ledger.open(what);
    queue.add(() => {
      const copied = ledger.failed ? Promise.resolve() : staging.read(this.#segments(b, from, length), words, what);
      // A mapping fails because of something that failed before, which is known by then, or soon.
      void copied
        .catch((error) => ledger.fail(Infinity, failureOf(what(), String(error))))
        .then(() => ledger.close(ticket));
    });
    await ledger.until(ticket);
    return fromWords(words, dtype);
  }

  compile(plan: Plan): CompiledPlan {
    const { pipelines, uniforms } = this.#open();
    const known = this.#codes.get(plan);
    if (known) return new WebGpuPlan(this, plan, 0, known);
    if (plan.uniforms * ELEMENT_BYTES > uniforms.size)
      throw new DeviceError(
        `the plan takes ${plan.uniforms} numbers from the program, the webgpu device at most ` +
          `${uniforms.size / ELEMENT_BYTES}; flush more often, or put the numbers into a tensor`,
      );
    const program = programOf(plan, this.#print, this.target);
    let compiled = 0;
    const made = program.dispatches.map(({ pass, name }) => {
      const { pipeline, made } = pipelines.get(pass, name);
      if (made) compiled++;
      return pipeline;
    });
    const code = { program, pipelines: made, ready: Ready.all(made.map(({ ready }) => ready)) };
    this.#codes.set(plan, code);
    return new WebGpuPlan(this, plan, compiled, code);
  }

  run(compiled: CompiledPlan, externals: readonly DeviceBuffer[], uniforms: Uint32Array): void {
    const open = this.#open();
    if (!(compiled instanceof WebGpuPlan) || compiled.owner !== this)
      throw new DeviceError("run of a plan that another device compiled; compile it on this one");
    const { plan, code } = compiled;
    checkRun(plan, externals, uniforms);
    if (code.pipelines.length === 0) return;
    const { objects } = code.program;
    const memory = {
      external: externals.map((b) => this.#own(b).pieces),
      object: this.#take(open, objects, "the slots and scratch of a run"),
    };
    this.#peak = Math.max(this.#peak, this.#bytes + sum(objects));
    const numbers = uniforms.slice();
    const ticket = open.ledger.open(() => describeRun(code), "run");
    open.queue.add(() => {
      void execute(open, code, memory, numbers).then(() => open.ledger.close(ticket));
    }, code.ready);
    // The queue's order keeps the next owner out until the run is over.
    for (const pieces of memory.object) open.pool.give(pieces);
    open.pool.turn();
  }

  pending(): number {
    return this.#resources?.ledger.runs ?? 0;
  }

  async settle(runs: number): Promise<void> {
    await this.#open().ledger.untilRuns(runs);
  }

  memory(): DeviceMemory {
    const { pool, staging } = this.#resources ?? {};
    const reserved = (pool?.reserved ?? 0) + (staging?.reserved ?? 0);
    return { bytes: this.#bytes, buffers: this.#buffers, reserved, peak: this.#peak };
  }

  resetPeak(): void {
    this.#peak = this.#bytes;
  }

  close(): void {
    const open = this.#resources;
    if (!open) return;
    this.#resources = undefined;
    open.ledger.end(CLOSED);
    open.gpu.destroy();
    this.#bytes = 0;
    this.#buffers = 0;
  }

  #open(): Resources {
    if (!this.#resources) throw new DeviceError(CLOSED);
    return this.#resources;
  }

  #own(buffer: DeviceBuffer): WebGpuBuffer {
    if (!(buffer instanceof WebGpuBuffer) || buffer.owner !== this)
      throw new DeviceError("the buffer belongs to another device; copy its data to this one");
    if (buffer.freed) throw new DeviceError(`the buffer of ${buffer.bytes} bytes was freed`);
    return buffer;
  }

  /** Pieces for each of `sizes` bytes: as many as it takes. */
  #take({ pool }: Resources, sizes: readonly number[], purpose: string): Piece[][] {
    const most = pieceBytes(this.target);
    const cut = sizes.map((bytes) => {
      const parts: number[] = [];
      for (let left = Math.max(bytes, ELEMENT_BYTES); left > 0; left -= most) parts.push(Math.min(left, most));
      return parts;
    });
    const pieces = pool.take(cut.flat(), purpose);
    if (pieces) return cut.map(({ length }) => pieces.splice(0, length));
    throw outOfMemory({
      device: this.name,
      asked: sum(sizes),
      purpose,
      bytes: this.#bytes,
      buffers: this.#buffers,
      limit: this.#limit,
    });
  }

  /** Where bytes of a buffer lie. */
  #segments({ pieces }: WebGpuBuffer, from: number, length: number): Segment[] {
    const most = pieceBytes(this.target);
    const segments: Segment[] = [];
    for (let at = from; at < from + length; ) {
      const bytes = Math.min(most - (at % most), from + length - at);
      segments.push({ source: pieces[Math.floor(at / most)].gpu, from: at % most, bytes, to: at - from });
      at += bytes;
    }
    return segments;
  }
}

async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice({ label: "kindling", requiredLimits: raisedLimits(adapter.limits) });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const advice = "Close what else uses the GPU, and try again";
    throw new DeviceError(`${nameOf(adapter.info)} gives no device: ${why}. ${advice}`, { cause });
  }
}

function open(gpu: GPUDevice, limit: number): Resources {
  const ledger = new Ledger(gpu);
  const queue = new OrderedQueue();
  const uniforms = gpu.createBuffer({
    label: "uniforms",
    size: Math.min(UNIFORM_BYTES, gpu.limits.maxUniformBufferBindingSize),
    usage: BUFFER_USAGE.uniform | BUFFER_USAGE.copyTarget,
  });
  const groups = new BindGroups(gpu, ledger, uniforms);
  const pool = new Pool(
    {
      create: (bytes, purpose) =>
        ledger.guard(
          () => `allocation of ${inMiB(bytes)} for ${purpose}, with ${inMiB(pool.reserved)} reserved in all,`,
          () => gpu.createBuffer({ label: purpose, size: bytes, usage: PIECE_USAGE }),
        ),
      destroy: (piece) =>
        queue.add(() => {
          groups.forget(piece);
          piece.gpu.destroy();
        }),
    },
    limit,
  );
  const staging = new Staging(gpu, ledger);
  return { gpu, ledger, queue, pool, groups, staging, uniforms, pipelines: new Pipelines(gpu, ledger) };
}
