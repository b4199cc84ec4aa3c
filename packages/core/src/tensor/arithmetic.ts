/** Elementwise operators of a tensor: arithmetic with broadcasting, activations, conversions, and writing in place. */

import { type DType, dtypeInfo, isComputeDType, isFloat, type TypedArray } from "../dtype.js";
import { ArgumentError, DTypeError, ShapeError } from "../errors.js";
import { convertHost } from "../host.js";
import { type Node, sameShape } from "../node.js";
import { constant, fill, hostLeaf, scalar, uniform } from "../ops/create.js";
import type { ElementwiseName } from "../ops/elementwise.js";
import { convert, elementwise } from "../ops/map.js";
import * as M from "../ops/movement.js";
import * as N from "../ops/normal.js";
import { rand, randn } from "../ops/random.js";
import type { Tensor } from "../tensor.js";
import { Handle } from "./handle.js";

/** What an arithmetic operand may be. Numbers become run-time scalars: another number is not another kernel. */
export type Operand = Tensor | number | boolean;

export abstract class Arithmetic extends Handle {
  // Conversion.

  /** Another dtype (a new tensor), as torch.Tensor.to. */
  to(dtype: DType): Tensor {
    if (dtype === this.dtype) return this.self;
    const onHost = this.hostValues();
    if (isComputeDType(this.dtype) && isComputeDType(dtype)) return this.derived(convert(this.node, dtype));
    if (!onHost)
      throw new DTypeError(
        `to("${dtype}"): ${dtype} is kept on the host only; read the tensor first (await t.data()), then convert`,
      );
    return this.derived(hostLeaf(convertHost(onHost, this.dtype, dtype), this.shape, dtype, true));
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
  protected operand(x: Operand): Node {
    if (x instanceof Handle) return x.node;
    if (typeof x === "boolean") return constant(Number(x), "bool");
    if (typeof x !== "number") throw new ArgumentError(`expected a tensor or a number, got ${String(x)}`);
    return Number.isInteger(x) && Math.abs(x) < 2 ** 31 && !isFloat(this.dtype)
      ? uniform(x, "int32")
      : uniform(x, "float32");
  }

  protected binary(name: ElementwiseName, other: Operand): Tensor {
    return this.derived(elementwise(name, this.node, this.operand(other)));
  }

  protected unary(name: ElementwiseName): Tensor {
    return this.derived(elementwise(name, this.node));
  }

  // Arithmetic, broadcasting.

  add(other: Operand, alpha = 1): Tensor {
    return alpha === 1
      ? this.binary("add", other)
      : this.derived(elementwise("add", this.node, elementwise("mul", this.operand(other), this.operand(alpha))));
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
  protected clampNode(min = -Infinity, max = Infinity): Node {
    const whole = (v: number): boolean => Number.isInteger(v) || !Number.isFinite(v);
    if (isFloat(this.dtype) || !whole(min) || !whole(max))
      return elementwise("clamp", this.node, uniform(min, "float32"), uniform(max, "float32"));
    const bound = (v: number): Node => uniform(Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, v)), "int32");
    return elementwise("clamp", this.node, bound(min), bound(max));
  }
  /** An activation with parameters, which are passed at run time. */
  protected shaped(name: ElementwiseName, ...parameters: number[]): Tensor {
    return this.derived(elementwise(name, this.node, ...parameters.map((p) => uniform(p, "float32"))));
  }

  // Writing in place.

  /** Copies `source` (broadcast, converted) into this tensor. As torch.Tensor.copy_. */
  copy_(source: Operand): this {
    if (typeof source === "object" && !isComputeDType(this.dtype)) return this.copyHost(source);
    const from = this.operand(source);
    return this.write(M.expand(convert(from, this.computeDType), this.shape));
  }

  protected copyHost(source: Tensor): this {
    const data = source.hostData();
    if (!data || source.numel !== this.numel)
      throw new DTypeError(
        `copy_: a ${this.dtype} tensor of shape [${this.shape}] takes a tensor on the host of the same size, got ${source.dtype} [${source.shape}]`,
      );
    this.rebind(hostLeaf(convertHost(data, source.dtype, this.dtype).slice(), this.shape, this.dtype));
    return this;
  }

  /** Replaces the elements with an array on the host, which is adopted. For dtypes and sizes as they are. */
  setHostData(data: TypedArray): this {
    if (data.length !== this.numel * dtypeInfo(this.dtype).entries)
      throw new ShapeError(`setHostData: ${data.length} entries do not fill shape [${this.shape}] of ${this.dtype}`);
    const node = hostLeaf(data, this.shape, this.dtype);
    if (isComputeDType(this.dtype)) return this.write(node);
    this.rebind(node);
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
    return this.write(fill(this.shape, scalar(value, this.computeDType)));
  }

  /** Uniform random numbers in [from, to). */
  uniform_(from = 0, to = 1): this {
    return this.write(N.scale(rand(this.shape), to - from, from, this.computeDType));
  }

  normal_(mean = 0, std = 1): this {
    return this.write(N.scale(randn(this.shape), std, mean, this.computeDType));
  }

  protected update(name: ElementwiseName, other: Node): this {
    const result = elementwise(name, this.node, other);
    if (!sameShape(result.shape, this.shape))
      throw new ShapeError(`${name}_: shape [${other.shape}] does not broadcast into [${this.shape}] in place`);
    const kind = (dtype: DType): string => dtypeInfo(dtype).kind;
    if (kind(result.dtype) !== kind(this.dtype) && kind(this.dtype) !== "float")
      throw new DTypeError(
        `${name}_: a result of dtype ${result.dtype} does not fit into ${this.dtype} in place; convert first`,
      );
    return this.write(convert(result, this.computeDType));
  }
}
