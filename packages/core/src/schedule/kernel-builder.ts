/**
 * Builds the expressions and accesses of one kernel: follows a vertex's inputs through movement operators and
 * elementwise operators until it arrives at memory, and writes what it met as one scalar expression.
 */

import type { ComputeDType } from "../dtype.js";
import { type Expr, expr, mapLeaves, scalarOf } from "../expr.js";
import type { Access, Bound } from "../kernel.js";
import * as S from "../ops/scalar.js";
import { type Form, linear, sameForm, through, type Variable, variableForm } from "./forms.js";
import type { Vertex } from "./trace.js";

/** Thrown where a kernel can only go on if `vertex` is in memory. */
export class Materialize {
  constructor(readonly vertex: Vertex) {}
}

/** Thrown where two operators do not fit into one kernel. */
export class Incompatible {}

/** How a vertex is met while a kernel is built. */
export type Met =
  /** It is in memory, in row-major order. */
  | { readonly kind: "memory" }
  /** Its expression goes into this kernel. */
  | { readonly kind: "inline" }
  /** It is a result of this kernel; `read` gives its value at these positions, or throws. */
  | { readonly kind: "member"; read(forms: readonly Form[], limits: readonly Limit[]): Expr };

/** A condition under which a read happens: 0 ≤ form < size. */
export interface Limit {
  readonly form: Form;
  readonly size: number;
}

/** Positions, and the conditions under which they are read. */
interface Where {
  readonly forms: readonly Form[];
  readonly limits: readonly Limit[];
}

export class KernelBuilder {
  /** Loops first, then symbols of gathers. */
  readonly variables: Variable[] = [];
  private readonly symbols: Expr[] = [];
  readonly sources: { readonly vertex: Vertex; readonly address: Form; readonly limits: readonly Limit[] }[] = [];
  /** What each vertex was read as, at the few positions at which one kernel reads it. */
  private readonly memo = new Map<Vertex, (Where & { readonly value: Expr })[]>();

  constructor(
    readonly loops: readonly number[],
    private readonly meet: (v: Vertex) => Met,
  ) {
    for (const size of loops) this.variables.push({ size, loop: true });
  }

  /** The value of `v` at the positions `forms`, wherever `limits` hold. */
  read(v: Vertex, forms: readonly Form[], limits: readonly Limit[] = []): Expr {
    const known = this.memo.get(v)?.find((w) => sameForms(w.forms, forms) && sameLimits(w.limits, limits));
    if (known) return known.value;
    const entry = { forms, limits, value: this.readFresh(v, forms, limits) };
    const entries = this.memo.get(v);
    if (entries) entries.push(entry);
    else this.memo.set(v, [entry]);
    return entry.value;
  }

  private readFresh(v: Vertex, forms: readonly Form[], limits: readonly Limit[]): Expr {
    const met = this.meet(v);
    if (met.kind === "member") return met.read(forms, limits);
    if (met.kind === "memory") return this.load(v, linear(forms, v.shape), limits);
    return this.compute(v, forms, limits);
  }

  /** The value of `v` computed here from its inputs, wherever `v` itself may be. */
  compute(v: Vertex, forms: readonly Form[], limits: readonly Limit[] = []): Expr {
    const op = v.op;
    switch (op.kind) {
      case "const":
        return S.c(op.value, scalarOf(v.dtype));
      case "uniform":
        return expr("uniform", scalarOf(v.dtype), [], v.slot);
      case "iota":
        return this.position(forms[0]);
      case "map": {
        const args = v.inputs.map((i) => this.read(i, forms, limits));
        return mapLeaves(op.expr, (l) => (l.op === "arg" ? args[l.value] : l));
      }
      case "gather": {
        const index = this.read(v.inputs[1], forms, limits);
        const x = v.inputs[0];
        const at = [...forms];
        at[op.dim] = this.symbol(index, x.shape[op.dim]);
        return this.read(x, at, limits);
      }
      case "move": {
        const x = v.inputs[0];
        // Memory in row-major order has the same addresses in every shape.
        if (op.move.type === "reshape" && this.meet(x).kind === "memory")
          return this.load(x, linear(forms, v.shape), limits);
        const at = through(op.move, forms, x.shape, v.shape, this.variables);
        if (!at) throw new Materialize(x);
        if (op.move.type !== "pad") return this.read(x, at, limits);
        return this.padded(x, at, v, op.move.before, op.move.value, limits);
      }
      default:
        throw new Materialize(v);
    }
  }

  private padded(
    x: Vertex,
    at: readonly Form[],
    v: Vertex,
    before: readonly number[],
    value: number,
    limits: readonly Limit[],
  ): Expr {
    const own: Limit[] = [];
    at.forEach((form, i) => {
      if (before[i] > 0 || x.shape[i] + before[i] < v.shape[i]) own.push({ form, size: x.shape[i] });
    });
    // A bound can not depend on a looked-up position: then the operand must be in memory under its own shape.
    if (own.some((l) => l.form.terms.slice(this.loops.length).some((t) => t !== 0))) throw new Materialize(v);
    const inner = this.read(x, at, [...limits, ...own]);
    if (inner.op === "load" && value === 0 && inner.type !== "bool") return inner;
    const inside = own
      .flatMap(({ form, size }) => {
        const p = this.position(form);
        const { low, high } = this.range(form);
        return [...(low < 0 ? [S.ge(p, S.c(0, "i32"))] : []), ...(high >= size ? [S.lt(p, S.c(size, "i32"))] : [])];
      })
      .reduce<Expr | null>((a, b) => (a ? S.and(a, b) : b), null);
    return inside ? S.where(inside, inner, S.c(value, inner.type)) : inner;
  }

  /** The smallest and the largest value that a form takes. */
  range(form: Form): { low: number; high: number } {
    let low = form.offset;
    let high = form.offset;
    form.terms.forEach((t, v) => {
      if (t < 0) low += t * (this.variables[v].size - 1);
      else high += t * (this.variables[v].size - 1);
    });
    return { low, high };
  }

  private symbol(index: Expr, size: number): Form {
    let at = this.symbols.findIndex((s, i) => s === index && this.variables[this.loops.length + i].size === size);
    if (at < 0) {
      at = this.symbols.length;
      this.symbols.push(index);
      this.variables.push({ size, loop: false });
    }
    return variableForm(this.loops.length + at);
  }

  /** A form as an expression of loop positions and symbols. */
  private position(form: Form): Expr {
    let sum: Expr = S.c(form.offset, "i32");
    form.terms.forEach((t, v) => {
      if (t === 0) return;
      const p = v < this.loops.length ? expr("index", "i32", [], v) : this.symbols[v - this.loops.length];
      sum = S.add(sum, S.mul(p, S.c(t, "i32")));
    });
    return sum;
  }

  private load(v: Vertex, address: Form, limits: readonly Limit[]): Expr {
    const needed = limits.filter(({ form, size }) => {
      const { low, high } = this.range(form);
      return low < 0 || high >= size;
    });
    let at = this.sources.findIndex(
      (s) => sameMemory(s.vertex, v) && sameForm(s.address, address) && sameLimits(s.limits, needed),
    );
    if (at < 0) at = this.sources.push({ vertex: v, address, limits: needed }) - 1;
    const n = this.loops.length;
    const args = address.terms.slice(n).flatMap((t, i) => (t !== 0 ? [this.symbols[i]] : []));
    const type = scalarOf(v.dtype);
    return args.length ? expr("loadAt", type, args, at) : expr("load", type, [], at);
  }

  /** The finished access for an address in memory of `dtype`. */
  access(dtype: ComputeDType, address: Form, limits: readonly Limit[], buffer: number): Access {
    const n = this.loops.length;
    const pad = (terms: readonly number[]): number[] => Array.from({ length: n }, (_, i) => terms[i] ?? 0);
    const bounds: Bound[] = limits.map(({ form, size }) => ({ offset: form.offset, strides: pad(form.terms), size }));
    const indirect = address.terms
      .slice(n)
      .flatMap((t, i) => (t !== 0 ? [{ stride: t, size: this.variables[n + i].size }] : []));
    return { buffer, dtype, offset: address.offset, strides: pad(address.terms), bounds, indirect };
  }
}

/** Whether two vertices are the same elements: leaves are, where they are of one external. */
const sameMemory = (a: Vertex, b: Vertex): boolean =>
  a === b || (a.op.kind === "leaf" && b.op.kind === "leaf" && a.slot === b.slot && a.dtype === b.dtype);

const sameForms = (a: readonly Form[], b: readonly Form[]): boolean =>
  a.length === b.length && a.every((form, i) => form === b[i] || sameForm(form, b[i]));

const sameLimits = (a: readonly Limit[], b: readonly Limit[]): boolean =>
  a.length === b.length && a.every(({ form, size }, i) => size === b[i].size && sameForm(form, b[i].form));
