/**
 * The engine: knows what a flush must realize, turns graphs into plans, and runs them on the device. Its rules are
 * those of docs/design.md, "Held or virtual".
 */

import { inputGradientBoundary } from "./autograd/boundary.js";
import { context } from "./context.js";
import type { CompiledPlan, Device, DeviceBuffer } from "./device.js";
import { startDevice } from "./devices.js";
import { type ComputeDType, dtypeInfo, isComputeDType } from "./dtype.js";
import { DeviceError, OutOfMemoryError } from "./errors.js";
import { isInitial, sortByUse } from "./initial.js";
import { runInMemory } from "./layout.js";
import { Node } from "./node.js";
import { DEFAULT_SCHEDULE, makePlan, type ScheduleOptions } from "./schedule/plan.js";
import { type Request, trace, unreshaped } from "./schedule/trace.js";
import { Storage } from "./storage.js";

/** Tensors up to this size that user code made are always kept: losses, metrics. */
const SMALL_BYTES = 4096;
/** A graph of more operators is flushed when the outermost module call returns. */
const NODE_LIMIT = 20_000;
/** Runs that may be in flight before a step waits. */
const RUN_AHEAD = 2;
/** Plans that are kept. */
const PLAN_LIMIT = 200;
/** Bytes of live tensors from which on the program's garbage is collected before more are made. */
const COLLECT_BYTES = 512 * 2 ** 20;
/** Flushes for which an unused device copy of a host tensor is kept. */
const KEEP_FLUSHES = 3;

/**
 * A variable of the program: its value now, and the memory that assigned values are written into. Memory that it shares
 * (`fixed`) it leaves as it is, and takes new memory for the next value.
 */
export class Cell {
  storage: Storage | null = null;
  /** How the engine refers to it: a variable that nobody has any more is not worth a kernel. */
  readonly ref = new WeakRef(this);

  constructor(public node: Node) {}

  /** The memory that the next value is written into, if there is any. */
  get own(): Storage | null {
    return this.storage?.fixed ? null : this.storage;
  }
}

/** Elements one after another in memory, the first of them counted in elements. */
interface Run {
  readonly storage: Storage;
  readonly first: number;
}

export interface Stats {
  /** Kernels launched. */
  dispatches: number;
  /** Kernels launched, by kind: "conv2d", "matmul", "loop", … */
  byOp: Record<string, number>;
  /** Plans run. */
  submits: number;
  kernelsCompiled: number;
  plansBuilt: number;
  /** Bytes of all accesses of the kernels launched. */
  bytesMoved: number;
}

const noStats = (): Stats => ({
  dispatches: 0,
  byOp: {},
  submits: 0,
  kernelsCompiled: 0,
  plansBuilt: 0,
  bytesMoved: 0,
});

export class Engine {
  device: Device | null = null;
  /** How plans are cut; tests compare other ways with the default. */
  schedule: ScheduleOptions = DEFAULT_SCHEDULE;
  private starting: Promise<Device> | null = null;
  private readonly pending = new Set<WeakRef<Cell>>();
  private readonly held = new Set<Node>();
  private outside: Node[] = [];
  private releasing: Node[] = [];
  /** Memory of variables that are no more, until the next flush has read it. */
  private readonly replaced: Storage[] = [];
  private readonly plans = new Map<string, CompiledPlan>();
  private readonly hostCopies = new Set<Storage>();
  private flushes = 0;
  private collectAt = COLLECT_BYTES;
  private backwardPending = false;
  private counted = noStats();

  /** The device, started if need be. */
  async ready(): Promise<Device> {
    if (this.device) return this.device;
    this.starting ??= startDevice("auto");
    const device = await this.starting;
    this.device ??= device;
    return this.device;
  }

  /** Makes `device` the one that computes; what lives on another moves to the host, and to it when it is used. */
  async use(device: Device): Promise<void> {
    const before = this.device;
    if (before && before !== device) {
      await Storage.evacuate(before);
      this.hostCopies.clear();
    }
    this.device = device;
    this.starting = Promise.resolve(device);
    this.plans.clear();
  }

  // What user code does.

  /** A tensor was made by user code, outside of modules and of other code of ours. */
  track(node: Node): void {
    if (context.depth > 0 || node.realized) return;
    this.outside.push(node);
    this.bound();
  }

  /** The node gets memory of its own at the next flush. */
  hold(node: Node): void {
    this.held.add(node);
  }

  drop(node: Node): void {
    this.held.delete(node);
  }

  assign(cell: Cell, value: Node): void {
    cell.node = value;
    this.pending.add(cell.ref);
  }

  /** A variable is not to be computed any more; memory of its own goes back. */
  forget(cell: Cell): void {
    this.pending.delete(cell.ref);
    cell.own?.retire();
  }

  /** Something else has taken a variable's place: its value is read by what is planned already, and then no more. */
  replace(cell: Cell): void {
    this.pending.delete(cell.ref);
    if (cell.own) this.replaced.push(cell.own);
  }

  /** Before a backward(): a plan holds at most one. */
  beginBackward(): void {
    if (this.backwardPending && this.device) this.flush([]);
    this.backwardPending = true;
  }

  /** After a backward() that consumed its tape: history is let go. */
  consume(visited: readonly Node[]): void {
    // What a rule of its own was computed from is history as well, though no gradient went through it.
    const stack = [...visited];
    while (stack.length) {
      const node = stack.pop()!;
      if (node.tapeConsumed || node.sink || !node.requiresGrad) continue;
      node.tapeConsumed = true;
      stack.push(...node.inputs);
      node.vjp = null;
      node.tape = null;
      if (node.savedForBackward) this.releasing.push(node);
      else if (node.realized) node.inputs = [];
    }
  }

  /** Flushes a graph that outgrew its bound. */
  bound(): void {
    if (this.device && context.operations > NODE_LIMIT) this.flush([]);
  }

  // Flushing.

  /** Realizes what must outlive the graph, and `wanted`. Given a list, even an empty one, it leaves initial values that
   *  nothing uses for later: something else may be loaded over them. */
  flush(wanted?: readonly Node[]): void {
    const device = this.device;
    if (!device) throw new DeviceError("no device yet: await init() first");
    const { requests, cells, given, aliases, waiting } = this.choose(wanted);
    try {
      this.withRoom(device, () => {
        for (const cell of given) {
          if (cell.own) this.replaced.push(cell.own);
          this.takeOver(device, cell);
        }
        if (requests.length > 0) this.execute(device, requests, cells);
      });
    } catch (error) {
      this.abandon();
      throw error;
    } finally {
      for (const storage of this.replaced.splice(0)) storage.retire();
    }
    for (const node of aliases) {
      const base = unreshaped(node);
      node.storage = base.storage;
      node.version = base.version;
      letGo(node);
    }
    this.pending.clear();
    for (const cell of waiting) this.pending.add(cell.ref);
    for (const node of this.releasing) this.release(node);
    this.startAnew();
    this.flushes++;
    this.evict();
  }

  /** After a flush that failed, as for want of memory: variables have the values that they had before or were given, and
   *  nothing is held any more, so that a smaller batch may follow. */
  private abandon(): void {
    for (const ref of this.pending) {
      const cell = ref.deref();
      if (!cell?.storage || isGiven(cell)) continue;
      cell.node = realizedNode(cell.storage, cell.node);
      this.pending.delete(ref);
    }
    this.startAnew();
  }

  private startAnew(): void {
    this.held.clear();
    this.outside = [];
    this.releasing = [];
    this.backwardPending = false;
    context.operations = 0;
  }

  /** What a flush realizes: nodes with the memory they go to, the variables they are assigned to, variables that were
   *  given values made on the host, and reshapes that share another node's memory. */
  private choose(wanted?: readonly Node[]): {
    requests: Request[];
    cells: Map<Request, Cell>;
    given: Cell[];
    aliases: Node[];
    waiting: Cell[];
  } {
    const requests: Request[] = [];
    const cells = new Map<Request, Cell>();
    const given: Cell[] = [];
    const aliases: Node[] = [];
    const initial: Cell[] = [];
    const chosen = new Set<Node>();
    const keep = (node: Node): void => {
      if (node.realized || !isComputeDType(node.dtype)) return;
      const base = unreshaped(node);
      if (base !== node) aliases.push(node);
      if (base.realized || chosen.has(base)) return;
      chosen.add(base);
      if (base.numel === 0) settleEmpty(base);
      else requests.push({ node: base, into: null });
    };
    const keepVariable = (cell: Cell): void => {
      // What can change is in memory of its own, even when two variables were assigned one value.
      const request = { node: cell.node, into: cell.own };
      requests.push(request);
      cells.set(request, cell);
    };
    for (const ref of this.pending) {
      const cell = ref.deref();
      if (!cell || cell.node.numel === 0 || (cell.node.realized && cell.node.storage === cell.storage)) continue;
      if (isGiven(cell)) {
        given.push(cell);
        continue;
      }
      if (wanted && !cell.storage && isInitial(cell.node)) initial.push(cell);
      else keepVariable(cell);
    }
    for (const node of wanted ?? []) {
      keep(node);
      if (node.requiresGrad && !node.tapeConsumed)
        for (const saved of inputGradientBoundary(node)) {
          if (!saved.realized) saved.savedForBackward = true;
          keep(saved);
        }
    }
    for (const node of this.held) keep(node);
    for (const node of this.outside) if (this.outlives(node)) keep(node);
    const { used, waiting } = sortByUse(initial, requests);
    used.forEach(keepVariable);
    return { requests, cells, given, aliases, waiting };
  }

  /** Runs what takes memory. Where much is live, the program's garbage is collected first; where there was not enough, it
   *  is collected and `run` called again, which must bear that. JavaScript's collector does not see what a device holds. */
  private withRoom(device: Device, run: () => void): void {
    if (device.memory().bytes > this.collectAt) {
      Storage.collect();
      this.collectAt = Math.max(COLLECT_BYTES, 2 * device.memory().bytes);
    }
    try {
      run();
    } catch (error) {
      if (!(error instanceof OutOfMemoryError) || !Storage.collect()) throw error;
      run();
    }
  }

  /** Waits while more runs are in flight than may be. */
  async throttle(): Promise<void> {
    await this.device?.settle(RUN_AHEAD);
  }

  private execute(device: Device, requests: readonly Request[], cells: ReadonlyMap<Request, Cell>): void {
    const graph = trace(requests);
    const { fuse, share, recompute } = this.schedule;
    const key = `${fuse}${share}${recompute}|${graph.key}`;
    let compiled = this.plans.get(key);
    this.plans.delete(key);
    if (!compiled) {
      compiled = device.compile(makePlan(graph, device, this.schedule));
      this.counted.plansBuilt++;
      this.counted.kernelsCompiled += compiled.compiled;
    }
    // The plan used least recently comes first and goes first.
    this.plans.set(key, compiled);
    if (this.plans.size > PLAN_LIMIT) this.plans.delete(this.plans.keys().next().value!);
    const made = graph.fresh.map((r) => Storage.onDevice(device, r.node.computeDType, r.node.numel, describe(r.node)));
    const buffers = [...graph.externals.map((s) => this.onDevice(device, s)), ...made.map((s) => s.buffer!)];
    for (const { into } of requests) into?.announceChange();
    device.run(compiled, buffers, graph.uniforms);
    this.count(compiled);
    for (const r of requests) {
      const storage = r.into ?? made[graph.fresh.indexOf(r)];
      if (r.into) {
        storage.version++;
        storage.lost = false;
        storage.host = null;
        this.hostCopies.delete(storage);
      }
      const cell = cells.get(r);
      if (cell) {
        // The variable's value is now what is in its memory, whatever happens to the node it was assigned.
        cell.node = realizedNode(storage, r.node);
        cell.storage = storage;
      }
      if (!r.node.realized) {
        r.node.storage = storage;
        r.node.version = storage.version;
        letGo(r.node);
      }
    }
  }

  /** Moves a value that was made on the host to the device and makes it the variable's; tensor by tensor, so that a model
   *  that is loaded is in memory once, and never twice. */
  private takeOver(device: Device, cell: Cell): void {
    const storage = unreshaped(cell.node).storage!;
    this.onDevice(device, storage);
    storage.handOver();
    this.hostCopies.delete(storage);
    cell.node = realizedNode(storage, cell.node);
    cell.storage = storage;
  }

  private count({ plan, launches }: CompiledPlan): void {
    const s = this.counted;
    s.submits++;
    for (const [kind, count] of Object.entries(launches)) {
      s.dispatches += count;
      s.byOp[kind] = (s.byOp[kind] ?? 0) + count;
    }
    for (const { bytes } of plan.kernels) s.bytesMoved += bytes;
  }

  /** The buffer of a storage, filled from the host if it is not there yet. */
  private onDevice(device: Device, storage: Storage): DeviceBuffer {
    storage.lastUse = this.flushes;
    if (!storage.buffer) {
      const dtype = storage.dtype as ComputeDType;
      const buffer = device.allocate(Math.max(4, storage.numel * device.elementBytes(dtype)), "a tensor from the host");
      storage.attach(device, buffer);
      // What was lost with its device is here to be written.
      if (storage.host) {
        device.upload(buffer, storage.host, dtype);
        this.hostCopies.add(storage);
      }
    }
    return storage.buffer!;
  }

  /** Gives back device copies of host tensors that the last flushes did not use. */
  private evict(): void {
    for (const s of this.hostCopies)
      if (!s.host) this.hostCopies.delete(s);
      else if (this.flushes - s.lastUse > KEEP_FLUSHES) {
        s.release();
        this.hostCopies.delete(s);
      }
  }

  /** Whether a tensor made by user code is one that may be read later. */
  private outlives(node: Node): boolean {
    if (node.realized) return false;
    const small = node.numel * 4 <= SMALL_BYTES;
    if (!small && node.consumed) return false;
    // A view of what is in memory, or a constant, is made again at no cost.
    let base = node;
    while (base.op.kind === "move" && !base.realized) base = base.inputs[0];
    return !base.realized && !["const", "uniform", "iota"].includes(base.op.kind);
  }

  /** Takes memory back that was held for a backward() only. */
  private release(node: Node): void {
    node.savedForBackward = false;
    if (this.held.has(node)) return;
    node.storage?.release();
    node.storage = null;
  }

  // Reading.

  /** The bytes of a node's value, in its dtype. */
  async read(node: Node): Promise<ArrayBuffer> {
    // What is written after the call, and before it could go on, is not to be seen.
    const device = this.device ?? (await this.ready());
    return this.readRun(device, node, this.locate(node));
  }

  /**
   * The bytes of a node's value as it is now, fetched when `read` is called, or right before what is in its memory is
   * replaced. `release` says that they are not wanted any more.
   */
  snapshot(node: Node): { read(): Promise<ArrayBuffer>; release(): void } {
    const { device } = this;
    let early: Promise<ArrayBuffer> | undefined;
    if (!device) {
      early = this.read(node);
      early.catch(() => undefined);
      return { read: () => early!, release: () => undefined };
    }
    const run = this.locate(node);
    const fetch = (): Promise<ArrayBuffer> => this.readRun(device, node, run);
    const release = run.storage.beforeChange(() => {
      early ??= fetch();
      early.catch(() => undefined);
    });
    return { read: () => early ?? fetch(), release };
  }

  /** Where the elements of a node lie one after another; computes them first if they lie nowhere. */
  private locate(node: Node): Run {
    if (!runInMemory(node)) this.flush([node]);
    const run = runInMemory(node);
    if (!run?.owner.storage) throw new DeviceError(`a tensor of shape [${node.shape}] has no value`);
    return { storage: run.owner.storage, first: run.first };
  }

  private async readRun(device: Device, { computeDType, numel }: Node, { storage, first }: Run): Promise<ArrayBuffer> {
    if (storage.buffer) return device.read(storage.buffer, computeDType, first, numel);
    const { host } = storage;
    if (!host) throw new DeviceError("a tensor went down with its device");
    const { entries } = dtypeInfo(computeDType);
    return host.slice(first * entries, (first + numel) * entries).buffer as ArrayBuffer;
  }

  stats(): Stats {
    return { ...this.counted, byOp: { ...this.counted.byOp } };
  }

  resetStats(): void {
    this.counted = noStats();
  }
}

/** Whether a variable was assigned a value that was made on the host. */
function isGiven({ node }: Cell): boolean {
  const { realized, storage } = unreshaped(node);
  return realized && storage!.fixed;
}

/** A node whose value is what `storage` holds now. */
function realizedNode(storage: Storage, like: Node): Node {
  const node = new Node({ kind: "leaf" }, [], like.shape, like.dtype, "leaf");
  node.storage = storage;
  node.version = storage.version;
  node.label = like.label;
  return node;
}

/** A realized node lets go of its inputs, unless a backward() may still come through. */
function letGo(node: Node): void {
  const wanting = (node.tape ?? node.inputs).filter((i) => i.requiresGrad);
  if (wanting.length > 0 && wanting.every((i) => i.tapeConsumed)) node.tapeConsumed = true;
  if (!node.requiresGrad || node.tapeConsumed) node.inputs = [];
}

/** A result in words, for an error. */
const describe = ({ label, op, shape, dtype }: Node): string =>
  `${label ? `${label}, ` : ""}the result of ${op.kind === "map" ? op.name : op.kind}, [${shape}] ${dtype}`;

function settleEmpty(node: Node): void {
  node.storage = Storage.fromHost(new Float32Array(0), node.dtype, 0);
  letGo(node);
}

export const engine = new Engine();
