/**
 * The tensor that users hold: a handle on a node of the lazy graph. Methods are torch's, in camelCase; they build nodes
 * and run nothing. Values arrive with `await t.data()`, `item()` and `toArray()`.
 */

import { type BackwardOptions, runBackward } from "./autograd/run.js";
import { context } from "./context.js";
import { type DType, dtypeInfo, isComputeDType, isFloat, isInteger, type TypedArray } from "./dtype.js";
import { Cell, engine } from "./engine.js";
import { ArgumentError, AutogradError, DTypeError, ShapeError } from "./errors.js";
import { convertHost, type NestedArray, nest } from "./host.js";
import type { GradSink, Node } from "./node.js";
import * as C from "./ops/contract.js";
import { constant, fill, hostLeaf, scalar, uniform } from "./ops/create.js";
import type { ElementwiseName } from "./ops/elementwise.js";
import * as I from "./ops/index.js";
import { convert, elementwise } from "./ops/map.js";
import * as M from "./ops/movement.js";
import * as N from "./ops/normal.js";
import { rand, randn } from "./ops/random.js";
import * as R from "./ops/reduce.js";
import { formatTensor } from "./print.js";
import { writeThrough } from "./write.js";

/** What an arithmetic operand may be. Numbers become run-time scalars: another number is not another kernel. */
export type Operand = Tensor | number | boolean;

export interface ReduceOptions {
  /** Keep reduced dimensions with size 1. */
  keepdim?: boolean;
}

/** A handle that shows a part of another one. */
interface View {
  readonly base: Tensor;
  readonly apply: (n: Node) => Node;
  /** The base's node that the view was last taken of. */
  seen: Node;
}

export class Tensor implements GradSink {
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
  constructor(source: Node | Tensor) {
    this.#node = source instanceof Tensor ? source.detachedNode() : source;
  }

  /** A tensor that user code made: it may be a result. */
  static made(node: Node): Tensor {
    engine.track(node);
    return new Tensor(node);
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
  private get value(): Node {
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

  private detachedNode(): Node {
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
    this.grad = new Tensor(old ? elementwise("add", old.node, gradient) : gradient);
  }

  /** Rebinds the gradient to a value that lives elsewhere, as in an optimizer's arena. */
  bindGrad(value: Node): Tensor {
    this.grad = null;
    this.#grad = new Tensor(value);
    return this.#grad;
  }

  private derived(node: Node): Tensor {
    return Tensor.made(node);
  }

  private viewed(of: (n: Node) => Node): Tensor {
    const base = this.node;
    const node = of(base);
    if (node === base) return this;
    const t = Tensor.made(node);
    t.#view = { base: this, apply: of, seen: base };
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

  /** Gives memory back at once; reading the tensor afterwards is an error. Never needed. */
  dispose(): void {
    const { storage } = this.value;
    if (!storage || this.#cell || this.#view) return;
    storage.release();
    storage.host = null;
    storage.version++;
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
    const host = this.hostData();
    if (host) return host.slice();
    if (!isComputeDType(node.dtype)) throw new DTypeError(`a ${node.dtype} tensor has no value on the host`);
    const bytes = await engine.read(node);
    const data = new (dtypeInfo(node.dtype).array)(bytes);
    if (data.byteLength <= 4096) this.#lastRead = { node, data };
    return data.slice();
  }

  /** The elements without waiting, if they are on the host already. Not a copy: do not write into it. */
  hostData(): TypedArray | undefined {
    const node = this.value;
    let base = node;
    while (base.op.kind === "move" && base.op.move.type === "reshape" && !base.storage) base = base.inputs[0];
    if (base.realized && base.storage?.host) return base.storage.host;
    return this.#lastRead?.node === node ? this.#lastRead.data : undefined;
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
    return formatTensor(this.shape, this.dtype, this.device, this.hostData());
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  // Writing in place.

  /** Copies `source` (broadcast, converted) into this tensor. As torch.Tensor.copy_. */
  copy_(source: Operand): this {
    if (typeof source === "object" && !isComputeDType(this.dtype)) return this.copyHost(source);
    const from = this.operand(source);
    return this.write(M.expand(convert(from, this.#node.computeDType), this.shape));
  }

  private copyHost(source: Tensor): this {
    const data = source.hostData();
    if (!data || source.numel !== this.numel)
      throw new DTypeError(
        `copy_: a ${this.dtype} tensor of shape [${this.shape}] takes a tensor on the host of the same size, got ${source.dtype} [${source.shape}]`,
      );
    this.#node = hostLeaf(convertHost(data, source.dtype, this.dtype).slice(), this.shape, this.dtype);
    return this;
  }

  /** Replaces the elements with an array on the host, which is adopted. For dtypes and sizes as they are. */
  setHostData(data: TypedArray): this {
    if (data.length !== this.numel * dtypeInfo(this.dtype).entries)
      throw new ShapeError(`setHostData: ${data.length} entries do not fill shape [${this.shape}] of ${this.dtype}`);
    const node = hostLeaf(data, this.shape, this.dtype);
    if (isComputeDType(this.dtype)) return this.write(node);
    this.#node = node;
    return this;
  }

  add_(other: Operand, alpha = 1): this {
    const o = this.operand(other);
    return this.update("add", alpha === 1 ? o : elementwise("mul", o, uniform(alpha, "float32")));
  }

  sub_(other: Operand): this {
    return this.update("sub", this.operand(other));
  }

  mul_(other: Operand): this {
    return this.update("mul", this.operand(other));
  }

  div_(other: Operand): this {
    return this.update("div", this.operand(other));
  }

  clamp_(min?: number, max?: number): this {
    return this.write(this.clampNode(min, max));
  }

  zero_(): this {
    return this.fill_(0);
  }

  fill_(value: number): this {
    return this.write(fill(this.shape, scalar(value, this.#node.computeDType)));
  }

  /** Uniform random numbers in [from, to). */
  uniform_(from = 0, to = 1): this {
    return this.write(N.scale(rand(this.shape), to - from, from, this.#node.computeDType));
  }

  normal_(mean = 0, std = 1): this {
    return this.write(N.scale(randn(this.shape), std, mean, this.#node.computeDType));
  }

  private update(name: ElementwiseName, other: Node): this {
    const result = elementwise(name, this.node, other);
    if (result.shape.length !== this.ndim || result.shape.some((d, i) => d !== this.shape[i]))
      throw new ShapeError(`${name}_: shape [${other.shape}] does not broadcast into [${this.shape}] in place`);
    return this.write(convert(result, this.#node.computeDType));
  }

  private write(node: Node): this {
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
  becomeViewOf(base: Tensor, of: (n: Node) => Node): void {
    this.#cell = null;
    this.#leaf = null;
    const seen = base.node;
    this.#node = of(seen);
    this.#view = { base, apply: of, seen };
  }

  // Conversion.

  /** Another dtype (a new tensor), as torch.Tensor.to. */
  to(dtype: DType): Tensor {
    if (dtype === this.dtype) return this;
    const onHost = this.hostData();
    if (isComputeDType(this.dtype) && isComputeDType(dtype)) return this.derived(convert(this.node, dtype));
    if (!onHost)
      throw new DTypeError(
        `to("${dtype}"): ${dtype} is kept on the host only; read the tensor first (await t.data()), then convert`,
      );
    return this.derived(hostLeaf(convertHost(onHost, this.dtype, dtype), this.shape, dtype));
  }

  float(): Tensor {
    return this.to("float32");
  }

  int(): Tensor {
    return this.to("int32");
  }

  bool(): Tensor {
    return this.to("bool");
  }

  /** An operand as a node: numbers take this tensor's kind, as in torch. */
  private operand(x: Operand): Node {
    if (x instanceof Tensor) return x.node;
    if (typeof x === "boolean") return constant(Number(x), "bool");
    if (typeof x !== "number") throw new ArgumentError(`expected a tensor or a number, got ${String(x)}`);
    return Number.isInteger(x) && Math.abs(x) < 2 ** 31 && !isFloat(this.dtype)
      ? uniform(x, "int32")
      : uniform(x, "float32");
  }

  private binary(name: ElementwiseName, other: Operand): Tensor {
    return this.derived(elementwise(name, this.node, this.operand(other)));
  }

  private unary(name: ElementwiseName): Tensor {
    return this.derived(elementwise(name, this.node));
  }

  // Arithmetic, broadcasting.

  add(other: Operand, alpha = 1): Tensor {
    return alpha === 1
      ? this.binary("add", other)
      : this.derived(elementwise("add", this.node, elementwise("mul", this.operand(other), uniform(alpha, "float32"))));
  }
  sub(other: Operand): Tensor {
    return this.binary("sub", other);
  }
  mul(other: Operand): Tensor {
    return this.binary("mul", other);
  }
  div(other: Operand): Tensor {
    return this.binary("div", other);
  }
  pow(other: Operand): Tensor {
    if (other === 2) return this.unary("square");
    if (other === 0.5) return this.unary("sqrt");
    return this.binary("pow", other);
  }
  maximum(other: Operand): Tensor {
    return this.binary("maximum", other);
  }
  minimum(other: Operand): Tensor {
    return this.binary("minimum", other);
  }
  /** Remainder with the divisor's sign, as torch.remainder. */
  remainder(other: Operand): Tensor {
    return this.binary("remainder", other);
  }
  eq(other: Operand): Tensor {
    return this.binary("eq", other);
  }
  ne(other: Operand): Tensor {
    return this.binary("ne", other);
  }
  lt(other: Operand): Tensor {
    return this.binary("lt", other);
  }
  le(other: Operand): Tensor {
    return this.binary("le", other);
  }
  gt(other: Operand): Tensor {
    return this.binary("gt", other);
  }
  ge(other: Operand): Tensor {
    return this.binary("ge", other);
  }
  logicalAnd(other: Operand): Tensor {
    return this.binary("logicalAnd", other);
  }
  logicalOr(other: Operand): Tensor {
    return this.binary("logicalOr", other);
  }
  logicalXor(other: Operand): Tensor {
    return this.binary("logicalXor", other);
  }
  logicalNot(): Tensor {
    return this.unary("logicalNot");
  }
  isnan(): Tensor {
    return this.unary("isnan");
  }
  isfinite(): Tensor {
    return this.unary("isfinite");
  }
  neg(): Tensor {
    return this.unary("neg");
  }
  abs(): Tensor {
    return this.unary("abs");
  }
  sign(): Tensor {
    return this.unary("sign");
  }
  exp(): Tensor {
    return this.unary("exp");
  }
  expm1(): Tensor {
    return this.unary("expm1");
  }
  log(): Tensor {
    return this.unary("log");
  }
  log1p(): Tensor {
    return this.unary("log1p");
  }
  sqrt(): Tensor {
    return this.unary("sqrt");
  }
  rsqrt(): Tensor {
    return this.unary("rsqrt");
  }
  square(): Tensor {
    return this.unary("square");
  }
  reciprocal(): Tensor {
    return this.unary("reciprocal");
  }
  sin(): Tensor {
    return this.unary("sin");
  }
  cos(): Tensor {
    return this.unary("cos");
  }
  tanh(): Tensor {
    return this.unary("tanh");
  }
  erf(): Tensor {
    return this.unary("erf");
  }
  floor(): Tensor {
    return this.unary("floor");
  }
  ceil(): Tensor {
    return this.unary("ceil");
  }
  /** To the nearest integer, halves to even. */
  round(): Tensor {
    return this.unary("round");
  }
  trunc(): Tensor {
    return this.unary("trunc");
  }
  /** Elements where `condition` is true, `other` elsewhere. */
  where(condition: Tensor, other: Operand): Tensor {
    return this.derived(elementwise("where", condition.node, this.node, this.operand(other)));
  }
  maskedFill(mask: Tensor, value: number): Tensor {
    return this.derived(elementwise("where", mask.node, this.operand(value), this.node));
  }

  // Activations, as torch.nn.functional.

  sigmoid(): Tensor {
    return this.unary("sigmoid");
  }
  relu(): Tensor {
    return this.unary("relu");
  }
  relu6(): Tensor {
    return this.unary("relu6");
  }
  hardswish(): Tensor {
    return this.unary("hardswish");
  }
  hardsigmoid(): Tensor {
    return this.unary("hardsigmoid");
  }
  silu(): Tensor {
    return this.unary("silu");
  }
  gelu(options: { approximate?: "none" | "tanh" } = {}): Tensor {
    return this.unary(options.approximate === "tanh" ? "geluTanh" : "gelu");
  }
  mish(): Tensor {
    return this.unary("mish");
  }
  selu(): Tensor {
    return this.unary("selu");
  }
  softsign(): Tensor {
    return this.unary("softsign");
  }
  logsigmoid(): Tensor {
    return this.unary("logsigmoid");
  }
  elu(alpha = 1): Tensor {
    return this.shaped("elu", alpha);
  }
  celu(alpha = 1): Tensor {
    return this.shaped("celu", alpha);
  }
  leakyRelu(slope = 0.01): Tensor {
    return this.shaped("leakyRelu", slope);
  }
  hardtanh(min = -1, max = 1): Tensor {
    return this.shaped("hardtanh", min, max);
  }
  softplus(beta = 1, threshold = 20): Tensor {
    return this.shaped("softplus", beta, threshold);
  }
  clamp(min?: number, max?: number): Tensor {
    return this.derived(this.clampNode(min, max));
  }
  private clampNode(min = -Infinity, max = Infinity): Node {
    const whole = (v: number): boolean => Number.isInteger(v) || !Number.isFinite(v);
    if (isFloat(this.dtype) || !whole(min) || !whole(max))
      return elementwise("clamp", this.node, uniform(min, "float32"), uniform(max, "float32"));
    const bound = (v: number): Node => uniform(Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, v)), "int32");
    return elementwise("clamp", this.node, bound(min), bound(max));
  }
  /** An activation with parameters, which are passed at run time. */
  private shaped(name: ElementwiseName, ...parameters: number[]): Tensor {
    return this.derived(elementwise(name, this.node, ...parameters.map((p) => uniform(p, "float32"))));
  }

  // Reductions.

  private reduced(op: string, dim: R.Dims, options: ReduceOptions, of: (x: Node, axes: number[]) => Node): Tensor {
    const x = this.node;
    const axes = R.axesOf(op, dim, x.shape.length);
    return this.derived(R.finish(of(x, axes), axes, x.shape, options.keepdim ?? false));
  }
  sum(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("sum", dim, options, (x, axes) => R.reduce(x, "sum", axes));
  }
  mean(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("mean", dim, options, R.mean);
  }
  prod(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("prod", dim, options, (x, axes) => R.reduce(x, "prod", axes));
  }
  amax(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("amax", dim, options, (x, axes) => R.reduce(x, "max", axes));
  }
  amin(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("amin", dim, options, (x, axes) => R.reduce(x, "min", axes));
  }
  any(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.bool().reduced("any", dim, options, (x, axes) => convert(R.reduce(x, "max", axes), "bool"));
  }
  all(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.bool().reduced("all", dim, options, (x, axes) => convert(R.reduce(x, "min", axes), "bool"));
  }
  var(dim?: R.Dims, options: ReduceOptions & { correction?: number; unbiased?: boolean } = {}): Tensor {
    const correction = options.correction ?? (options.unbiased === false ? 0 : 1);
    return this.reduced("var", dim, options, (x, axes) => R.variance(x, axes, correction));
  }
  std(dim?: R.Dims, options: ReduceOptions & { correction?: number; unbiased?: boolean } = {}): Tensor {
    const correction = options.correction ?? (options.unbiased === false ? 0 : 1);
    return this.reduced("std", dim, options, (x, axes) => elementwise("sqrt", R.variance(x, axes, correction)));
  }
  logsumexp(dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("logsumexp", dim, options, R.logSumExp);
  }
  /** (Σ |x|^p)^(1/p). As torch.linalg.vector_norm. */
  norm(p = 2, dim?: R.Dims, options: ReduceOptions = {}): Tensor {
    return this.reduced("norm", dim, options, (x, axes) => N.norm(x, p, axes));
  }
  /** Position (int32) of the first largest element: along `dim`, or in the flattened tensor. */
  argmax(dim?: number, options: ReduceOptions = {}): Tensor {
    return this.extreme("max", dim, options);
  }
  argmin(dim?: number, options: ReduceOptions = {}): Tensor {
    return this.extreme("min", dim, options);
  }
  private extreme(op: "max" | "min", dim: number | undefined, options: ReduceOptions): Tensor {
    const x = dim === undefined ? M.reshape(this.node, [-1]) : this.node;
    const axis = M.dimOf(`arg${op}`, dim ?? 0, x.shape.length);
    if (x.shape.length === 0) return this.derived(fill([], constant(0, "int32")));
    return this.derived(R.finish(R.argExtreme(x, op, axis), [axis], x.shape, options.keepdim ?? false));
  }
  /** The largest elements along `dim` and the positions of the first of them. */
  max(dim: number, options: ReduceOptions = {}): { values: Tensor; indices: Tensor } {
    return this.picked("max", dim, options);
  }
  min(dim: number, options: ReduceOptions = {}): { values: Tensor; indices: Tensor } {
    return this.picked("min", dim, options);
  }
  private picked(op: "max" | "min", dim: number, options: ReduceOptions): { values: Tensor; indices: Tensor } {
    const axis = M.dimOf(op, dim, this.ndim);
    const at = R.keep(R.argExtreme(this.node, op, axis), [axis], this.shape);
    const values = I.gather(this.node, axis, at);
    const end = (n: Node): Tensor =>
      this.derived(
        options.keepdim
          ? n
          : M.reshape(
              n,
              this.shape.filter((_, i) => i !== axis),
            ),
      );
    return { values: end(values), indices: end(at) };
  }
  softmax(dim: number): Tensor {
    return this.derived(N.softmax(this.node, M.dimOf("softmax", dim, this.ndim)));
  }
  logSoftmax(dim: number): Tensor {
    return this.derived(N.logSoftmax(this.node, M.dimOf("logSoftmax", dim, this.ndim)));
  }
  cumsum(dim: number): Tensor {
    return this.derived(I.cumsum(this.node, dim));
  }

  // Products.

  matmul(other: Tensor): Tensor {
    return this.derived(C.matmul(this.node, other.node));
  }
  /** Product of two matrices. */
  mm(other: Tensor): Tensor {
    if (this.ndim !== 2 || other.ndim !== 2)
      throw new ShapeError(`mm: expected two matrices, got shapes [${this.shape}] and [${other.shape}]`);
    return this.matmul(other);
  }
  /** Product of two batches of matrices. */
  bmm(other: Tensor): Tensor {
    if (this.ndim !== 3 || other.ndim !== 3 || this.shape[0] !== other.shape[0])
      throw new ShapeError(`bmm: expected shapes [b, m, k] and [b, k, n], got [${this.shape}] and [${other.shape}]`);
    return this.matmul(other);
  }

  // Views.

  reshape(shape: readonly number[]): Tensor {
    return this.viewed((n) => M.reshape(n, shape));
  }
  view(shape: readonly number[]): Tensor {
    return this.reshape(shape);
  }
  flatten(start = 0, end = -1): Tensor {
    if (this.ndim === 0) return this.reshape([1]);
    const [a, b] = [M.dimOf("flatten", start, this.ndim), M.dimOf("flatten", end, this.ndim)];
    if (a > b) throw new ArgumentError(`flatten: start ${start} comes after end ${end}`);
    return this.viewed((n) =>
      M.reshape(n, [
        ...n.shape.slice(0, a),
        n.shape.slice(a, b + 1).reduce((p, q) => p * q, 1),
        ...n.shape.slice(b + 1),
      ]),
    );
  }
  unflatten(dim: number, sizes: readonly number[]): Tensor {
    const d = M.dimOf("unflatten", dim, this.ndim);
    return this.reshape([...this.shape.slice(0, d), ...sizes, ...this.shape.slice(d + 1)]);
  }
  permute(dims: readonly number[]): Tensor {
    return this.viewed((n) => M.permute(n, dims));
  }
  transpose(a: number, b: number): Tensor {
    const order = this.shape.map((_, i) => i);
    const [i, j] = [M.dimOf("transpose", a, this.ndim), M.dimOf("transpose", b, this.ndim)];
    [order[i], order[j]] = [order[j], order[i]];
    return this.permute(order);
  }
  t(): Tensor {
    if (this.ndim > 2)
      throw new ShapeError(`t(): expected at most two dimensions, got shape [${this.shape}]; use permute`);
    return this.ndim < 2 ? this : this.transpose(0, 1);
  }
  squeeze(dim?: number): Tensor {
    const d = dim === undefined ? -1 : M.dimOf("squeeze", dim, this.ndim);
    return this.viewed((n) =>
      M.reshape(
        n,
        n.shape.filter((s, i) => s !== 1 || (d >= 0 && i !== d)),
      ),
    );
  }
  unsqueeze(dim: number): Tensor {
    const d = M.dimOf("unsqueeze", dim, this.ndim + 1);
    return this.viewed((n) => M.reshape(n, [...n.shape.slice(0, d), 1, ...n.shape.slice(d)]));
  }
  expand(shape: readonly number[]): Tensor {
    return this.viewed((n) => M.expand(n, shape));
  }
  broadcastTo(shape: readonly number[]): Tensor {
    return this.expand(shape);
  }
  expandAs(other: Tensor): Tensor {
    return this.expand(other.shape);
  }
  repeat(times: readonly number[]): Tensor {
    return this.derived(N.repeat(this.node, times));
  }
  repeatInterleave(times: number, dim: number): Tensor {
    return this.derived(N.repeatInterleave(this.node, times, M.dimOf("repeatInterleave", dim, this.ndim)));
  }
  flip(dims: readonly number[]): Tensor {
    return this.viewed((n) => M.flip(n, dims));
  }
  roll(shifts: readonly number[], dims: readonly number[]): Tensor {
    return this.derived(N.roll(this.node, shifts, dims));
  }
  slice(dim: number, start = 0, end = Number.MAX_SAFE_INTEGER, step = 1): Tensor {
    return this.viewed((n) => M.sliceDim(n, dim, start, end, step));
  }
  narrow(dim: number, start: number, length: number): Tensor {
    const d = M.dimOf("narrow", dim, this.ndim);
    const from = start < 0 ? start + this.shape[d] : start;
    if (from < 0 || length < 0 || from + length > this.shape[d])
      throw new ArgumentError(
        `narrow: ${length} elements from ${start} do not lie within dimension ${d} of shape [${this.shape}]`,
      );
    return this.slice(d, from, from + length);
  }
  select(dim: number, index: number): Tensor {
    const d = M.dimOf("select", dim, this.ndim);
    const size = this.shape[d];
    if (this.ndim === 0 || !Number.isInteger(index) || index < -size || index >= size)
      throw new ArgumentError(`select: index ${index} is out of range for dimension ${d} of shape [${this.shape}]`);
    const i = index < 0 ? index + size : index;
    return this.viewed((n) => {
      const row = M.sliceDim(n, d, i, i + 1, 1);
      return M.reshape(
        row,
        row.shape.filter((_, j) => j !== d),
      );
    });
  }
  /** Element or row `i` of the first dimension. */
  at(i: number): Tensor {
    return this.select(0, i);
  }
  /** Indexing by a list, one entry a dimension: a number selects, null keeps all, [start, end, step?] slices, an integer
   *  tensor picks rows. */
  index(entries: readonly (number | null | readonly [number?, number?, number?] | Tensor)[]): Tensor {
    if (entries.length > this.ndim)
      throw new ArgumentError(`index: ${entries.length} entries for a tensor of shape [${this.shape}]`);
    let result: Tensor = this;
    let dim = 0;
    for (const e of entries) {
      if (typeof e === "number") result = result.select(dim, e);
      else if (e === null) dim++;
      else if (e instanceof Tensor) result = result.indexSelect(dim++, e);
      else result = result.slice(dim++, e[0] ?? 0, e[1] ?? Number.MAX_SAFE_INTEGER, e[2] ?? 1);
    }
    return result;
  }
  split(sizes: number | readonly number[], dim = 0): Tensor[] {
    const d = M.dimOf("split", dim, this.ndim);
    const total = this.shape[d];
    if (typeof sizes === "number" && !(sizes > 0))
      throw new ArgumentError(`split: the size must be positive, got ${sizes}`);
    const list =
      typeof sizes === "number"
        ? Array.from({ length: Math.max(1, Math.ceil(total / sizes)) }, (_, i) => Math.min(sizes, total - i * sizes))
        : sizes;
    if (list.reduce((a, b) => a + b, 0) !== total)
      throw new ArgumentError(
        `split: sizes [${list}] do not add up to ${total}, dimension ${d} of shape [${this.shape}]`,
      );
    let at = 0;
    return list.map((n) => {
      const part = this.narrow(d, at, n);
      at += n;
      return part;
    });
  }
  chunk(chunks: number, dim = 0): Tensor[] {
    return this.split(Math.max(1, Math.ceil(this.shape[M.dimOf("chunk", dim, this.ndim)] / chunks)), dim);
  }
  unbind(dim = 0): Tensor[] {
    return Array.from({ length: this.shape[M.dimOf("unbind", dim, this.ndim)] }, (_, i) => this.select(dim, i));
  }
  tril(diagonal = 0): Tensor {
    return this.derived(N.triangle(this.node, diagonal, true));
  }
  triu(diagonal = 0): Tensor {
    return this.derived(N.triangle(this.node, diagonal, false));
  }
  /** Padding as torch.nn.functional.pad: pairs (before, after) from the last dimension on; negative amounts crop. */
  pad(amounts: readonly number[], value = 0): Tensor {
    if (amounts.length % 2 !== 0 || amounts.length > 2 * this.ndim)
      throw new ArgumentError(`pad: expected pairs of amounts for at most ${this.ndim} dimensions, got [${amounts}]`);
    const of = (side: 0 | 1): number[] => this.shape.map((_, i) => amounts[2 * (this.ndim - 1 - i) + side] ?? 0);
    return this.derived(M.pad(this.node, of(0), of(1), value));
  }
  unfold(dim: number, size: number, step: number, dilation = 1): Tensor {
    return this.viewed((n) => M.unfold(n, dim, size, step, dilation));
  }

  // By index.

  gather(dim: number, index: Tensor): Tensor {
    return this.derived(I.gather(this.node, dim, index.node));
  }
  scatter(dim: number, index: Tensor, source: Tensor): Tensor {
    return this.derived(I.scatter(this.node, dim, index.node, source.node));
  }
  scatterAdd(dim: number, index: Tensor, source: Tensor): Tensor {
    return this.derived(I.scatterAdd(this.node, dim, index.node, source.node));
  }
  indexSelect(dim: number, index: Tensor): Tensor {
    return this.derived(I.indexSelect(this.node, dim, index.node));
  }
  indexAdd(dim: number, index: Tensor, source: Tensor): Tensor {
    return this.derived(N.indexAdd(this.node, dim, index.node, source.node));
  }
  topk(k: number, dim = -1, options: { largest?: boolean } = {}): { values: Tensor; indices: Tensor } {
    return this.ordered(dim, options.largest ?? true, k);
  }
  sort(dim = -1, options: { descending?: boolean } = {}): { values: Tensor; indices: Tensor } {
    return this.ordered(dim, options.descending ?? false);
  }
  argsort(dim = -1, options: { descending?: boolean } = {}): Tensor {
    return this.ordered(dim, options.descending ?? false).indices;
  }
  private ordered(dim: number, descending: boolean, take?: number): { values: Tensor; indices: Tensor } {
    const order = I.argsort(this.node, dim, descending, take);
    const values = this.ndim === 0 ? this.node : I.gather(this.node, dim, order);
    return { values: this.derived(values), indices: this.derived(order) };
  }

  /** Whether the dtype is one of integers. */
  get isInteger(): boolean {
    return isInteger(this.dtype);
  }
}

/** The same value off the tape. */
function withoutGrad(n: Node): Node {
  if (!n.requiresGrad) return n;
  const before = context.gradEnabled;
  context.gradEnabled = false;
  const r = M.alias(n);
  context.gradEnabled = before;
  return r;
}
