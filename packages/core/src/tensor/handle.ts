/**
 * The handle behind a tensor: which node it stands for now, its place on the tape, its values, and the variable or the
 * view that it may be. Operators are in the classes that extend it.
 */

import { type BackwardOptions, runBackward } from "../autograd/run.js";
import { context, withGrad } from "../context.js";
import { type ComputeDType, type DType, dtypeInfo, isComputeDType, isFloat, type TypedArray } from "../dtype.js";
import { Cell, engine } from "../engine.js";
import { ArgumentError, AutogradError, DTypeError, ShapeError } from "../errors.js";
import { convertHost, type NestedArray, nest } from "../host.js";
import { type Layout, layoutIn } from "../layout.js";
import type { GradSink, Node } from "../node.js";
import { elementwise } from "../ops/map.js";
import * as M from "../ops/movement.js";
import * as N from "../ops/normal.js";
import { formatTensor } from "../print.js";
import type { Storage } from "../storage.js";
import type { Tensor } from "../tensor.js";
import { writeThrough } from "../write.js";

/** A handle that shows a part of another one. */
interface View {
  readonly base: Handle;
  readonly apply: (n: Node) => Node;
  /** The base's node that the view was last taken of. */
  seen: Node;
  /** Whether the part of the base was only chosen as the place for a tensor of its own, such as a parameter in an arena. */
  readonly placed: boolean;
}

export abstract class Handle implements GradSink {
  /** Shown in error messages. */
  name: string | undefined;
  /** The arena that this parameter is part of. */
  collector: GradSink["collector"] = null;
  #grad: Tensor | null = null;
  #node: Node;
  #cell: Cell | null = null;
  #view: View | null = null;
  #wantsGrad = false;
  /** The leaf of the tape for the current value. */
  #leaf: { readonly of: Node; readonly node: Node } | null = null;
  #lastRead: { readonly node: Node; readonly data: TypedArray } | null = null;

  /** For authors of operators: wraps a node, or takes another tensor's value. */
  constructor(source: Node | Handle) {
    this.#node = source instanceof Handle ? source.detachedNode() : source;
  }

  // What it is.

  get shape(): readonly number[] {
    return this.value.shape;
  }

  get dtype(): DType {
    return this.#node.dtype;
  }

  /** Name of the device that computes; "host" for dtypes that are only kept. */
  get device(): string {
    return isComputeDType(this.dtype) ? (engine.device?.name ?? "host") : "host";
  }

  get ndim(): number {
    return this.shape.length;
  }

  get numel(): number {
    return this.value.numel;
  }

  size(): readonly number[];
  size(dim: number): number;
  size(dim?: number): number | readonly number[] {
    return dim === undefined ? this.shape : this.shape[M.dimOf("size", dim, this.ndim)];
  }

  /** Whether user code made it, rather than an operator that a gradient flows through. */
  get isLeaf(): boolean {
    return this.#wantsGrad || !this.value.requiresGrad;
  }

  get requiresGrad(): boolean {
    return this.#wantsGrad || this.value.requiresGrad;
  }

  set requiresGrad(on: boolean) {
    if (on === this.requiresGrad) return;
    if (!on && !this.isLeaf)
      throw new AutogradError(
        "requiresGrad can be switched off on leaves only; use detach() to get a tensor without history",
      );
    if (on && !isFloat(this.dtype))
      throw new AutogradError(`only floating-point tensors can require a gradient; this one has dtype ${this.dtype}`);
    this.#wantsGrad = on;
    this.#leaf = null;
  }

  requiresGrad_(on = true): this {
    this.requiresGrad = on;
    return this;
  }

  // Nodes behind the handle.

  /** The current value, without this handle's own place on the tape. */
  protected get value(): Node {
    if (this.#cell) return this.#cell.node;
    const view = this.#view;
    if (view) {
      const base = view.base.node;
      if (base !== view.seen) {
        this.#node = view.apply(base);
        view.seen = base;
      }
    }
    return this.#node;
  }

  /** The node that operators take: on the tape if the tensor is a leaf that requires a gradient. */
  get node(): Node {
    const value = this.value;
    value.label ??= this.name;
    if (!this.#wantsGrad || value.requiresGrad) return value;
    if (this.#leaf?.of !== value) {
      const node = M.alias(value);
      node.sink = this;
      node.requiresGrad = true;
      node.label = this.name;
      this.#leaf = { of: value, node };
    }
    return this.#leaf!.node;
  }

  protected detachedNode(): Node {
    const value = this.value;
    return value.requiresGrad ? withoutGrad(value) : value;
  }

  /** The gradient that backward() accumulated, or null. */
  get grad(): Tensor | null {
    return this.#grad;
  }

  set grad(gradient: Tensor | null) {
    if (this.#grad) engine.drop(this.#grad.value);
    if (gradient) engine.hold(gradient.node);
    this.#grad = gradient;
  }

  /** Collects a gradient; backward() calls it. */
  accumulate(gradient: Node): void {
    const old = this.#grad;
    this.grad = this.wrap(old ? elementwise("add", old.node, gradient) : gradient);
  }

  /** Rebinds the gradient to a value that lives elsewhere, as in an optimizer's arena. */
  bindGrad(value: Node): Tensor {
    this.grad = null;
    this.#grad = this.wrap(value);
    return this.#grad;
  }

  /** This, as the class that users see. */
  protected get self(): Tensor {
    return this as unknown as Tensor;
  }

  protected get computeDType(): ComputeDType {
    return this.#node.computeDType;
  }

  /** Stands for another node from now on; for values that no device holds. */
  protected rebind(node: Node): void {
    this.#node = node;
  }

  /** A new tensor of the concrete class. */
  protected abstract wrap(node: Node): Tensor;

  /** A tensor that user code made by an operator: it may be a result. */
  protected derived(node: Node): Tensor {
    engine.track(node);
    return this.wrap(node);
  }

  protected viewed(of: (n: Node) => Node): Tensor {
    const base = this.node;
    const node = of(base);
    if (node === base) return this.self;
    const t = this.derived(node);
    t.#view = { base: this, apply: of, seen: base, placed: false };
    return t;
  }

  // Autograd.

  /** Gradients of this tensor with respect to every leaf, added to their `grad`. As torch.Tensor.backward. */
  backward(gradient?: Tensor, options: BackwardOptions = {}): void {
    runBackward(this.node, gradient?.node, options);
  }

  /** The same memory without history: what is written into one is seen in the other. */
  detach(): Tensor {
    return this.viewed((n) => withoutGrad(n));
  }

  /** A copy that later writes do not reach; gradients flow through it. */
  clone(): Tensor {
    return this.derived(N.copy(this.node));
  }

  /** Gives the value memory of its own at the next flush, so that it can be read at any time. */
  retain(): this {
    engine.hold(this.node);
    return this;
  }

  /** Gives memory back at once; reading the tensor afterwards is an error. Never needed. Memory that another
   *  variable has as well stays. */
  dispose(): void {
    if (this.#view) return;
    if (this.#cell) engine.forget(this.#cell);
    const { storage } = this.value;
    if (storage && !storage.shared) storage.retire();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  // Values.

  /** The elements in row-major order. float16 and other packed dtypes arrive as their bits. */
  async data(): Promise<TypedArray> {
    const node = this.value;
    const last = this.#lastRead;
    if (last?.node === node) return last.data.slice();
    const host = this.hostValues();
    if (host) return host.slice();
    if (!isComputeDType(node.dtype)) throw new DTypeError(`a ${node.dtype} tensor has no value on the host`);
    const bytes = await engine.read(node);
    const data = new (dtypeInfo(node.dtype).array)(bytes);
    if (data.byteLength <= 4096) this.#lastRead = { node, data };
    return data.slice();
  }

  /**
   * The elements as they are now, which `read` brings to the host; they are held apart only if a write comes before. For
   * what takes many tensors at one moment and one tensor at a time, as a checkpoint does. `release` says that they are
   * not wanted any more.
   */
  snapshot(): { read(): Promise<TypedArray>; release(): void } {
    const data = this.hostData();
    if (data) return { read: async () => data, release: () => undefined };
    const node = this.value;
    if (!isComputeDType(node.dtype)) throw new DTypeError(`a ${node.dtype} tensor has no value on the host`);
    const { read, release } = engine.snapshot(node);
    return { read: async () => new (dtypeInfo(node.dtype).array)(await read()), release };
  }

  /** The tensor that user code made this one a view of, and where its elements are in that one's, counted row by row;
   *  undefined for a tensor of its own, and where its elements are not at steps. */
  get viewOf(): ({ readonly base: Tensor } & Layout) | undefined {
    let base: Handle = this;
    while (base.#view && !base.#view.placed) base = base.#view.base;
    if (base === this) return undefined;
    const layout = this.#layoutIn(base);
    return layout && { base: base.self, ...layout };
  }

  #layoutIn(base: Handle): Layout | undefined {
    const chain: View[] = [];
    let handle: Handle = this;
    while (handle !== base) {
      const view = handle.#view!;
      chain.push(view);
      handle = view.base;
    }
    const from = withoutGrad(base.value);
    return layoutIn(
      from,
      chain.reduceRight((node, { apply }) => apply(node), from),
    );
  }

  /** The elements without waiting, if they are on the host already. Not a copy: do not write into it. Values that a
   *  variable was given (weights that a model loaded) leave the host at the next flush. */
  hostData(): TypedArray | undefined {
    return this.#hostStorage()?.exposeHost() ?? this.hostValues();
  }

  /** The same, for a look that is over when the caller returns. */
  protected hostValues(): TypedArray | undefined {
    return this.#hostStorage()?.host ?? (this.#lastRead?.node === this.value ? this.#lastRead.data : undefined);
  }

  /** The storage behind this tensor, if it has all of its values on the host. */
  #hostStorage(): Storage | undefined {
    let base = this.value;
    while (base.op.kind === "move" && base.op.move.type === "reshape" && !base.storage) base = base.inputs[0];
    return base.realized && base.storage?.host ? base.storage : undefined;
  }

  /** The only element, as a number (bool as 0 or 1; 64-bit integers must be safe integers). */
  async item(): Promise<number> {
    if (this.numel !== 1)
      throw new ShapeError(
        `item(): a tensor of shape [${this.shape}] has ${this.numel} elements, expected one; use data() or toArray()`,
      );
    return Number(convertHost(await this.data(), this.dtype, "float64")[0]);
  }

  /** The elements as nested lists; a scalar gives its value. */
  async toArray(): Promise<NestedArray> {
    return nest(await this.data(), this.shape, this.dtype);
  }

  toString(): string {
    return formatTensor(this.shape, this.dtype, this.device, this.hostValues());
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  // Variables and views.

  protected write(node: Node): this {
    if (this.#wantsGrad && context.gradEnabled)
      throw new AutogradError(
        `an in-place write to ${this.name ? `"${this.name}"` : "a leaf tensor"} that requires a gradient; wrap it in noGrad(() => …) to change the value, or write to a clone()`,
      );
    if (this.#view) {
      const { base, apply: of } = this.#view;
      base.write(writeThrough(base.node, of, node));
      return this;
    }
    this.asState();
    engine.assign(this.#cell!, context.gradEnabled ? node : withoutGrad(node));
    return this;
  }

  /** Makes this handle a variable whose assigned values keep one memory: parameters, statistics, moments. */
  asState(): this {
    const node = this.#node;
    if (!this.#cell && !this.#view && isComputeDType(node.dtype)) {
      this.#cell = new Cell(node);
      // What it starts with is no result: it is computed for the variable, if the variable has it until the next flush.
      node.consumed = true;
      if (!node.realized) engine.assign(this.#cell, node);
    }
    return this;
  }

  /** The variable behind this handle; see `asState`. */
  asCell(): Cell {
    this.asState();
    if (!this.#cell) throw new ArgumentError("a view is no variable of its own; use the tensor it was made from");
    return this.#cell;
  }

  /** Makes this handle a part of another one. What it was before is lost. */
  becomeViewOf(base: Handle, of: (n: Node) => Node): void {
    if (this.#cell) engine.replace(this.#cell);
    this.#cell = null;
    this.#leaf = null;
    const seen = base.node;
    this.#node = of(seen);
    this.#view = { base, apply: of, seen, placed: true };
  }
}

/** The same value off the tape. */
const withoutGrad = (n: Node): Node => (n.requiresGrad ? withGrad(false, () => M.alias(n)) : n);
