/**
 * The judge of scalar expressions: plain JavaScript in f64, slow and simple. Rounding to f32 happens only where an
 * integer becomes one, a value is stored or its bits are looked at, so a device is right when it is near this.
 */

import type { ComputeDType, TypedArray } from "../dtype.js";
import { type Expr, postorder, type Scalar, scalarOf } from "../expr.js";
import { float16ToNumber, numberToFloat16 } from "../float16.js";
import type { Access } from "../kernel.js";

const bits = new DataView(new ArrayBuffer(4));

const fromBits = (type: Scalar, word: number): number => {
  bits.setUint32(0, word);
  return type === "f32" ? bits.getFloat32(0) : wrap(type, word);
};

const toBits = (type: Scalar, x: number): number => {
  if (type === "f32") bits.setFloat32(0, x);
  else bits.setUint32(0, x);
  return bits.getUint32(0);
};

/** A number as the type holds it: integers modulo 2³², bool 0 or 1, f32 as it is. */
export const wrap = (type: Scalar, x: number): number =>
  type === "f32" ? x : type === "i32" ? x | 0 : type === "u32" ? x >>> 0 : x ? 1 : 0;

/** erf by the series 2/√π · exp(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, whose terms are all of one sign. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** pow as in C: 1 to any power is 1, and so is −1 to ±∞, where JavaScript has NaN. */
export const pow = (x: number, y: number): number => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y);

/** Rounds half to even. */
export const roundHalfEven = (x: number): number => {
  const down = Math.floor(x);
  const up = x - down > 0.5 || (x - down === 0.5 && down % 2 !== 0);
  return !Number.isFinite(x) || down === x ? x : up ? Math.ceil(x) || (x < 0 ? -0 : 0) : down;
};

const saturate = (x: number, low: number, high: number): number =>
  Number.isNaN(x) ? 0 : Math.min(high, Math.max(low, Math.trunc(x))) + 0;

function cast(from: Scalar, to: Scalar, x: number): number {
  if (from !== "f32") return to === "f32" ? Math.fround(x) : wrap(to, x);
  if (to === "i32") return saturate(x, -(2 ** 31), 2 ** 31 - 1);
  if (to === "u32") return saturate(x, 0, 2 ** 32 - 1);
  return to === "bool" ? Number(x !== 0) : x;
}

/** What integers do; a division by 0 gives the dividend, as in WGSL. */
function integer(op: Expr["op"], type: Scalar, x: number, y: number): number | undefined {
  switch (op) {
    case "mul":
      return Math.imul(x, y);
    case "div":
      return y === 0 ? x : Math.trunc(x / y);
    case "and":
      return x & y;
    case "or":
      return x | y;
    case "xor":
      return x ^ y;
    case "not":
      return type === "bool" ? 1 - x : ~x;
    case "shl":
      return x << y;
    case "shr":
      return type === "u32" ? x >>> y : x >> y;
    case "mulhi":
      return Number((BigInt(x) * BigInt(y)) >> 32n);
    default:
      return undefined;
  }
}

function arithmetic(op: Expr["op"], x: number, y: number): number {
  switch (op) {
    case "add":
      return x + y;
    case "sub":
      return x - y;
    case "mul":
      return x * y;
    case "div":
      return x / y;
    case "min":
      return Math.min(x, y);
    case "max":
      return Math.max(x, y);
    case "neg":
      return -x;
    case "abs":
      return Math.abs(x);
    case "sqrt":
    case "floor":
    case "ceil":
    case "trunc":
    case "exp":
    case "expm1":
    case "log":
    case "log1p":
    case "sin":
    case "cos":
    case "tanh":
      return Math[op](x);
    case "round":
      return roundHalfEven(x);
    case "erf":
      return erf(x);
    case "pow":
      return pow(x, y);
    case "lt":
      return Number(x < y);
    case "le":
      return Number(x <= y);
    case "eq":
      return Number(x === y);
    case "ne":
      return Number(x !== y);
    default:
      throw new Error(`the interpreter meets the operator ${op}, which no kernel holds`);
  }
}

/** Where expressions are evaluated: memory, uniforms, and the results of earlier stages. */
export interface Environment {
  readonly buffers: readonly TypedArray[];
  readonly uniforms: ArrayLike<number>;
  readonly sources: readonly Access[];
  readonly acc: number[];
}

const dot = (offset: number, strides: readonly number[], point: readonly number[]): number =>
  strides.reduce((sum, s, d) => sum + s * (point[d] ?? 0), offset);

export const isInside = (a: Access, point: readonly number[]): boolean =>
  a.bounds.every((b) => {
    const at = dot(b.offset, b.strides, point);
    return at >= 0 && at < b.size;
  });

/** The element that an access reads at a point, moved along its indirect dimensions by `moves`. */
export function read(
  buffers: readonly TypedArray[],
  a: Access,
  point: readonly number[],
  moves: readonly number[] = [],
): number {
  if (!isInside(a, point)) return 0;
  let at = dot(a.offset, a.strides, point);
  moves.forEach((m, i) => {
    at += a.indirect[i].stride * Math.max(0, Math.min(m, a.indirect[i].size - 1));
  });
  if (!(at >= 0 && at < buffers[a.buffer].length)) {
    throw new RangeError(`read of element ${at} in buffer ${a.buffer} of ${buffers[a.buffer].length} at [${point}]`);
  }
  const x = Number(buffers[a.buffer][at]);
  return a.dtype === "float16" ? float16ToNumber(x) : a.dtype === "bool" ? Number(x !== 0) : x;
}

const stored = (dtype: ComputeDType, x: number): number => {
  if (dtype === "float16") return numberToFloat16(Math.fround(x));
  return wrap(scalarOf(dtype), x);
};

/** Writes `x`, which is of the target's scalar type (or u32, whose bits int32 takes). */
export function write(buffers: readonly TypedArray[], target: Access, point: readonly number[], x: number): void {
  const at = dot(target.offset, target.strides, point);
  if (!(at >= 0 && at < buffers[target.buffer].length)) {
    throw new RangeError(`write of element ${at} in buffer ${target.buffer} of ${buffers[target.buffer].length}`);
  }
  buffers[target.buffer][at] = stored(target.dtype, x);
}

/** Makes an expression ready: the result evaluates it at a point. Shared parts are computed once a point. */
export function compile(root: Expr, env: Environment): (point: readonly number[]) => number {
  const nodes = postorder([root]);
  const slot = new Map(nodes.map((e, i) => [e, i]));
  const operands = nodes.map((e) => e.args.map((a) => slot.get(a)!));
  const values = new Float64Array(nodes.length);
  return (point) => {
    nodes.forEach((e, i) => {
      values[i] = evaluate(
        e,
        env,
        point,
        operands[i].map((o) => values[o]),
      );
    });
    return values[nodes.length - 1];
  };
}

function evaluate(e: Expr, env: Environment, point: readonly number[], args: readonly number[]): number {
  switch (e.op) {
    case "const":
      return e.type === "f32" ? Math.fround(e.value) : wrap(e.type, e.value);
    case "load":
    case "loadAt":
      return read(env.buffers, env.sources[e.value], point, args);
    case "inside":
      return Number(isInside(env.sources[e.value], point));
    case "uniform":
      return fromBits(e.type, env.uniforms[e.value]);
    case "index":
      return point[e.value];
    case "acc":
      return env.acc[e.value];
    case "where":
      return args[0] ? args[1] : args[2];
    case "cast":
      return cast(e.args[0].type, e.type, args[0]);
    case "bitcast":
      return fromBits(e.type, toBits(e.args[0].type, args[0]));
    default: {
      const [x, y] = args;
      const exact = e.args[0].type === "f32" ? undefined : integer(e.op, e.type, x, y);
      return wrap(e.type, exact ?? arithmetic(e.op, x, y));
    }
  }
}
