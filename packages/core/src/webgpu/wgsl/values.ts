/** Prints scalar expressions as WGSL: what is used once stands where it is used, what is used more often gets a name. */

import type { Expr, ExprOp, Scalar } from "../../expr.js";
import type { Access, Bound } from "../../kernel.js";
import { Foldable } from "./foldable.js";
import type { MathName } from "./math.js";
import type { Shader } from "./shader.js";

/** What the leaves of an expression mean where it is printed. */
export interface Scope {
  /** What `load`, `loadAt` and `inside` number. */
  readonly sources: readonly Access[];
  /** The position along a dimension of the kernel: text of an i32. */
  position(dimension: number): string;
  /** The result of a reduce stage, or of the template. */
  acc(stage: number): string;
}

/** The text of offset + Σ strides·positions, an i32. */
export function affine(offset: number, strides: readonly number[], position: (d: number) => string): string {
  const terms = strides.flatMap((stride, d) => {
    const at = stride === 0 ? "0" : position(d);
    return at === "0" ? [] : [stride === 1 ? at : `${at} * ${stride}`];
  });
  if (offset !== 0 || terms.length === 0) terms.push(`${offset}`);
  return terms.join(" + ").replace(/\+ -/g, "- ");
}

/** A constant as a literal. */
export function literal(shader: Shader, value: number, type: Scalar): string {
  if (type === "bool") return value ? "true" : "false";
  if (type === "u32") return `${value >>> 0}u`;
  if (type === "i32") return value < 0 ? `i32(${value | 0})` : `${value | 0}i`;
  const x = Math.fround(value);
  if (Number.isNaN(x)) return shader.call("k_nan");
  if (!Number.isFinite(x)) return x > 0 ? shader.call("k_inf") : `(-${shader.call("k_inf")})`;
  if (Object.is(x, -0)) return "bitcast<f32>(0x80000000u)";
  return x < 0 ? `(${x}f)` : `${x}f`;
}

const INFIX: Partial<Record<ExprOp, string>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  and: "&",
  or: "|",
  lt: "<",
  le: "<=",
  eq: "==",
  ne: "!=",
};

/** Functions that WGSL has, and those whose built-in namesakes are not exact enough for f32. */
const BUILT_IN: Partial<Record<ExprOp, string>> = {
  abs: "abs",
  min: "min",
  max: "max",
  round: "round",
  floor: "floor",
  ceil: "ceil",
  trunc: "trunc",
};
const OWN: Partial<Record<ExprOp, MathName>> = {
  min: "k_min",
  max: "k_max",
  sqrt: "k_sqrt",
  exp: "k_exp",
  expm1: "k_expm1",
  log: "k_log",
  log1p: "k_log1p",
  sin: "k_sin",
  cos: "k_cos",
  tanh: "k_tanh",
  erf: "k_erf",
  pow: "k_pow",
};

const mayBeZero = ({ op, value }: Expr): boolean => op !== "const" || value === 0;

export class Values {
  private readonly lines: string[] = [];
  private readonly names = new Map<Expr, string>();
  private readonly uses = new Map<Expr, number>();
  /** Expressions whose text WGSL evaluates when it compiles. */
  private readonly constants = new Set<Expr>();
  /** Expressions that compilers may find to be constants. */
  private readonly foldable = new Foldable((e) => {
    const inside = this.inside(this.scope.sources[e.value].bounds);
    return inside === "false" || (inside === "true" && e.op === "inside");
  });

  /** `prefix` begins the names that this printer gives; names that `outer` has given are known. */
  constructor(
    private readonly shader: Shader,
    private readonly scope: Scope,
    private readonly prefix = "v",
    private readonly outer?: Values,
  ) {}

  /** Texts of the values, and the statements that must stand before them, after those of earlier calls. */
  print(roots: readonly Expr[]): { statements: string[]; texts: string[] } {
    for (const root of roots) this.count(root);
    const texts = roots.map((root) => this.text(root));
    return { statements: this.lines.splice(0), texts };
  }

  /** The statements that give every value a name, for the scopes within. */
  declare(roots: readonly Expr[]): string[] {
    for (const root of roots) this.count(root);
    for (const root of roots) {
      const text = this.text(root);
      if (!this.names.has(root)) this.named(root, text);
    }
    return this.lines.splice(0);
  }

  private count(e: Expr): void {
    const uses = this.uses.get(e) ?? 0;
    this.uses.set(e, uses + 1);
    if (uses === 0) for (const a of e.args) this.count(a);
  }

  private text(e: Expr): string {
    const known = this.names.get(e) ?? this.outer?.names.get(e);
    if (known !== undefined) return known;
    const text = this.fresh(e);
    if (e.args.length === 0 && e.op !== "load" && e.op !== "inside") return text;
    return this.uses.get(e)! > 1 ? this.named(e, text) : text;
  }

  private named(e: Expr, text: string): string {
    const name = `${this.prefix}${this.names.size}`;
    this.names.set(e, name);
    this.constants.delete(e);
    this.lines.push(`let ${name} = ${text};`);
    return name;
  }

  /** Operands of an operator. Of nothing but constants WGSL would make another, and refuse what overflows; a name is
   *  none. So is a division by what may be the constant 0. */
  private operands(e: Expr): string[] {
    const texts = e.args.map((a) => this.text(a));
    const [first, second] = e.args;
    if (e.args.every((a) => this.constants.has(a))) this.named(first, texts[0]);
    if (e.op === "div" && this.constants.has(second) && mayBeZero(second)) this.named(second, texts[1]);
    return e.args.map((a, i) => {
      const text = this.names.get(a) ?? texts[i];
      return this.isRisky(e, i) ? this.shader.unknown(text) : text;
    });
  }

  /** Whether operand i of f32 may let compilers take the result for a constant, as they do of 0·x and of x − x, though
   *  x may be infinite or NaN. */
  private isRisky({ op, type, args }: Expr, i: number): boolean {
    if (type !== "f32") return false;
    if ((op === "sub" || op === "div") && i === 1 && args[0] === args[1]) return true;
    return (op === "mul" || (op === "div" && i === 0)) && mayBeZero(args[i]) && this.foldable.has(args[i]);
  }

  private fresh(e: Expr): string {
    const { shader, scope } = this;
    switch (e.op) {
      case "const":
        this.constants.add(e);
        return literal(shader, e.value, e.type);
      case "uniform":
        return shader.uniform(e.value, e.type);
      case "index":
        return scope.position(e.value);
      case "acc":
        return scope.acc(e.value);
      case "inside": {
        const inside = this.inside(scope.sources[e.value].bounds);
        if (inside === "true" || inside === "false") this.constants.add(e);
        return inside;
      }
      case "load":
      case "loadAt":
        return this.load(e);
      default:
        return this.operator(e, this.operands(e));
    }
  }

  private load(e: Expr): string {
    const { shader, scope } = this;
    const source = scope.sources[e.value];
    const inside = this.inside(source.bounds);
    if (inside === "false") {
      this.constants.add(e);
      return literal(shader, 0, e.type);
    }
    const value = shader.load(source, this.address(source, e.args));
    return inside === "true" ? value : `select(${literal(shader, 0, e.type)}, ${value}, ${inside})`;
  }

  private address({ offset, strides, indirect }: Access, indices: readonly Expr[]): string {
    if (strides.every((stride) => stride === 0) && indices.every(({ op }) => op === "const")) {
      const clamped = indices.map(({ value }, i) => Math.max(0, Math.min(value, indirect[i].size - 1)));
      const address = clamped.reduce((sum, index, i) => sum + index * indirect[i].stride, offset);
      // Where bounds hold it back it may be negative, which WGSL refuses of a constant.
      return `${Math.max(0, address)}`;
    }
    const moves = indices.map((index, i) => {
      const { stride, size } = indirect[i];
      return ` + clamp(${this.text(index)}, 0, ${size - 1})${stride === 1 ? "" : ` * ${stride}`}`;
    });
    return affine(offset, strides, this.scope.position) + moves.join("");
  }

  /** The text of a bool: whether the current point is within bounds. */
  private inside(bounds: readonly Bound[]): string {
    const constant = (b: Bound): boolean => b.strides.every((stride) => stride === 0);
    if (bounds.some((b) => constant(b) && (b.offset < 0 || b.offset >= b.size))) return "false";
    // As a u32, what is negative is large.
    const tests = bounds
      .filter((b) => !constant(b))
      .map((b) => `(u32(${affine(b.offset, b.strides, this.scope.position)}) < ${b.size}u)`);
    return tests.length > 1 ? `(${tests.join(" & ")})` : (tests[0] ?? "true");
  }

  private operator(e: Expr, args: readonly string[]): string {
    const { shader } = this;
    const [x, y, z] = args;
    const from = e.args[0].type;
    switch (e.op) {
      case "neg":
        return from === "u32" ? `(0u - ${x})` : `(-${x})`;
      case "not":
        return from === "bool" ? `(!${x})` : `(~${x})`;
      case "xor":
        return from === "bool" ? `(${x} != ${y})` : `(${x} ^ ${y})`;
      case "shl":
        return `(${x} << (${from === "u32" ? y : `u32(${y})`} & 31u))`;
      case "shr":
        return `(${x} >> (${from === "u32" ? y : `u32(${y})`} & 31u))`;
      case "mulhi":
        return shader.call("k_mulhi", x, y);
      case "where":
        return `select(${z}, ${y}, ${x})`;
      case "cast":
        return this.cast(from, e.type, x);
      case "bitcast":
        return from === e.type ? x : `bitcast<${e.type}>(${x})`;
      case "eq":
      case "ne": {
        if (from !== "f32") return `(${x} ${INFIX[e.op]} ${y})`;
        // x ≠ x asks whether x is NaN, and x = x whether it is not. Else ≠ as a comparison that NaN fails, negated.
        const equal = e.args[0] === e.args[1] ? `!${shader.call("k_is_nan", x)}` : `(${x} == ${y})`;
        return e.op === "eq" ? equal : equal.startsWith("!") ? equal.slice(1) : `!${equal}`;
      }
      default: {
        const own = OWN[e.op];
        if (own && from === "f32") return shader.call(own, ...args);
        const builtIn = BUILT_IN[e.op];
        if (builtIn) return `${builtIn}(${args.join(", ")})`;
        const ordered = from === "bool" && (e.op === "lt" || e.op === "le");
        return ordered ? `(u32(${x}) ${INFIX[e.op]} u32(${y}))` : `(${x} ${INFIX[e.op]} ${y})`;
      }
    }
  }

  private cast(from: Scalar, to: Scalar, x: string): string {
    if (from === to) return x;
    // By the bits, since NaN is not zero and compilers may think otherwise.
    if (to === "bool" && from === "f32") return `((bitcast<u32>(${x}) & 0x7fffffffu) != 0u)`;
    if (to === "bool") return `(${x} != ${from === "i32" ? "0i" : "0u"})`;
    if (from !== "f32") return `${to}(${x})`;
    return this.shader.call(to === "i32" ? "k_f32_to_i32" : "k_f32_to_u32", x);
  }
}
