/**
 * Affine positions. While a kernel reads through movement operators, the position in each dimension is a form
 * offset + Σ coefficient·variable, where the variables are the kernel's loops and, after a gather, looked-up symbols.
 */

import { contiguousStrides, type Movement } from "../node.js";

export interface Form {
  readonly offset: number;
  /** One a variable; variables beyond the end have coefficient 0. */
  readonly terms: readonly number[];
}

/** A range of values 0 … size−1 that a form varies over. */
export interface Variable {
  readonly size: number;
  /** Loops may be split into two; symbols may not. */
  readonly loop: boolean;
}

export const constantForm = (offset: number): Form => ({ offset, terms: [] });

export const variableForm = (index: number): Form => {
  const terms = new Array<number>(index + 1).fill(0);
  terms[index] = 1;
  return { offset: 0, terms };
};

/** Positions of a tensor whose dimensions are the loops themselves, one each. */
export const ownForms = (shape: readonly number[]): Form[] =>
  shape.map((d, i) => (d === 1 ? constantForm(0) : variableForm(i)));

export function addForms(a: Form, b: Form, scale = 1): Form {
  const n = Math.max(a.terms.length, b.terms.length);
  const terms = new Array<number>(n);
  for (let i = 0; i < n; i++) terms[i] = (a.terms[i] ?? 0) + scale * (b.terms[i] ?? 0);
  return { offset: a.offset + scale * b.offset, terms };
}

export const affine = (f: Form, scale: number, offset: number): Form => ({
  offset: f.offset * scale + offset,
  terms: f.terms.map((t) => t * scale),
});

export function sameForm(a: Form, b: Form): boolean {
  if (a.offset !== b.offset) return false;
  const n = Math.max(a.terms.length, b.terms.length);
  for (let i = 0; i < n; i++) if ((a.terms[i] ?? 0) !== (b.terms[i] ?? 0)) return false;
  return true;
}

/** Position in row-major memory of `shape`. */
export function linear(forms: readonly Form[], shape: readonly number[]): Form {
  const strides = contiguousStrides(shape);
  return forms.reduce((sum, f, i) => addForms(sum, f, strides[i]), constantForm(0));
}

/** Thrown where a reshape could be followed if loop `variable` were two loops, the inner one of `inner` steps. */
export class SplitLoop {
  constructor(
    readonly variable: number,
    readonly inner: number,
  ) {}
}

/** The input's position for an output's position; null where the reshape has no affine answer. */
export function through(
  move: Movement,
  forms: readonly Form[],
  from: readonly number[],
  to: readonly number[],
  vars: readonly Variable[],
): Form[] | null {
  switch (move.type) {
    case "permute": {
      const r = new Array<Form>(forms.length);
      move.dims.forEach((d, j) => {
        r[d] = forms[j];
      });
      return r;
    }
    case "expand":
      return forms.map((f, j) => (from[j] === 1 && to[j] !== 1 ? constantForm(0) : f));
    case "slice":
      return forms.map((f, j) => affine(f, move.step[j], move.start[j]));
    case "pad":
      return forms.map((f, j) => affine(f, 1, -move.before[j]));
    case "unfold":
      return forms
        .slice(0, -1)
        .map((f, j) =>
          j === move.dim ? addForms(affine(f, move.step, 0), forms[forms.length - 1], move.dilation) : f,
        );
    case "reshape":
      return throughReshape(forms, from, to, vars);
  }
}

/** Matches runs of output dimensions with runs of input dimensions of the same number of elements. */
function throughReshape(
  forms: readonly Form[],
  from: readonly number[],
  to: readonly number[],
  vars: readonly Variable[],
): Form[] | null {
  const result = new Array<Form>(from.length).fill(constantForm(0));
  let i = 0;
  let j = 0;
  while (i < to.length || j < from.length) {
    const outs: number[] = [];
    const ins: number[] = [];
    let no = 1;
    let ni = 1;
    do {
      if (no <= ni && i < to.length) {
        outs.push(i);
        no *= to[i++];
      } else if (j < from.length) {
        ins.push(j);
        ni *= from[j++];
      } else {
        outs.push(i);
        no *= to[i++];
      }
    } while (no !== ni);
    // Sizes of 1 that follow belong to this run as well.
    while (i < to.length && to[i] === 1) outs.push(i++);
    while (j < from.length && from[j] === 1) ins.push(j++);
    const wide = ins.filter((d) => from[d] !== 1);
    if (wide.length === 0) continue;
    const place = linear(
      outs.map((d) => forms[d]),
      outs.map((d) => to[d]),
    );
    if (wide.length === 1) {
      result[wide[0]] = place;
      continue;
    }
    const digits = splitDigits(
      place,
      wide.map((d) => from[d]),
      vars,
    );
    if (!digits) return null;
    wide.forEach((d, k) => {
      result[d] = digits[k];
    });
  }
  return result;
}

/** Writes a form as digits of a mixed-radix number, if no digit ever carries. */
function splitDigits(form: Form, sizes: readonly number[], vars: readonly Variable[]): Form[] | null {
  const strides = contiguousStrides(sizes);
  // The smallest value of the form; every term then only adds to it.
  let base = form.offset;
  form.terms.forEach((t, v) => {
    if (t < 0) base += t * (vars[v].size - 1);
  });
  if (base < 0) return null;
  const offsets = strides.map((s, k) => Math.floor(base / s) % sizes[k]);
  if (base >= strides[0] * sizes[0]) return null;
  const reach = [...offsets];
  const terms: number[][] = sizes.map(() => []);
  for (let v = 0; v < form.terms.length; v++) {
    const t = form.terms[v];
    if (t === 0 || vars[v].size === 1) continue;
    const size = Math.abs(t);
    const k = strides.findIndex((s) => size % s === 0 && size >= s && s > 0);
    if (k < 0) return null;
    const step = size / strides[k];
    if (step * (vars[v].size - 1) >= sizes[k]) {
      // The variable runs over several digits: it would have to be two loops.
      if (k === 0 || !vars[v].loop || sizes[k] % step !== 0) return null;
      const inner = sizes[k] / step;
      if (vars[v].size % inner !== 0 || inner <= 1) return null;
      throw new SplitLoop(v, inner);
    }
    reach[k] += step * (vars[v].size - 1);
    terms[k][v] = t / strides[k];
    if (t < 0) offsets[k] += step * (vars[v].size - 1);
  }
  if (reach.some((r, k) => r >= sizes[k])) return null;
  return sizes.map((_, k) => ({ offset: offsets[k], terms: Array.from(terms[k], (t) => t ?? 0) }));
}
