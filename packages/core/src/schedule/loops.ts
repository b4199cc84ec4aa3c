/**
 * The loops of a kernel: the sizes other than 1 of its domain, rows before inner ones, where a loop may be split in
 * two so that a reshape inside the kernel can be followed.
 */

import { addForms, affine, constantForm, type Form, variableForm } from "./forms.js";

export const squeezed = (shape: readonly number[]): number[] => shape.filter((d) => d !== 1);

export class Loops {
  /** Factors of each dimension of the (squeezed) domain. */
  readonly factors: number[][];

  constructor(
    readonly domain: readonly number[],
    /** Dimensions of the domain that are swept within a row. */
    readonly axes: ReadonlySet<number>,
    factors?: number[][],
  ) {
    this.factors = factors ?? domain.map((d) => [d]);
  }

  /** Dimensions in loop order: rows, then inner. */
  private get order(): number[] {
    const dims = this.domain.map((_, i) => i);
    return [...dims.filter((d) => !this.axes.has(d)), ...dims.filter((d) => this.axes.has(d))];
  }

  get sizes(): number[] {
    return this.order.flatMap((d) => this.factors[d]);
  }

  get rowCount(): number {
    return this.order.reduce((n, d) => (this.axes.has(d) ? n : n + this.factors[d].length), 0);
  }

  get rowDomain(): number[] {
    return this.domain.filter((_, d) => !this.axes.has(d));
  }

  /** Positions of a tensor of `shape` at the current point; its sizes other than 1 are the domain's, or only its rows'. */
  forms(shape: readonly number[], rowsOnly: boolean): Form[] {
    const order = this.order;
    const first = new Map<number, number>();
    let at = 0;
    for (const d of order) {
      first.set(d, at);
      at += this.factors[d].length;
    }
    const dims = this.domain.map((_, d) => d).filter((d) => !rowsOnly || !this.axes.has(d));
    let next = 0;
    return shape.map((size) => {
      if (size === 1) return constantForm(0);
      const d = dims[next++];
      return this.factors[d].reduce<Form>(
        (form, factor, i) => addForms(affine(form, factor, 0), variableForm(first.get(d)! + i)),
        constantForm(0),
      );
    });
  }

  /** The same domain with loop number `loop` split, the inner part of `inner` steps. */
  split(loop: number, inner: number): Loops {
    let at = 0;
    const factors = this.factors.map((f) => [...f]);
    for (const d of this.order) {
      const i = loop - at;
      if (i < factors[d].length) {
        factors[d].splice(i, 1, factors[d][i] / inner, inner);
        return new Loops(this.domain, this.axes, factors);
      }
      at += factors[d].length;
    }
    return this;
  }
}
