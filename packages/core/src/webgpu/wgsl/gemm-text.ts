/**
 * Texts that all shaders of a contraction share: where operands lie, the micro-kernel that multiplies in registers, and
 * what happens to a finished element.
 */

import { postorder, scalarOf } from "../../expr.js";
import type { Access } from "../../kernel.js";
import type { Use } from "../../uses.js";
import type { Target } from "../program.js";
import { type AxisName, type Contraction, type Form, sizeOf } from "./contraction.js";
import { powerAbove } from "./powers.js";
import { indent, type ScratchUse, Shader } from "./shader.js";
import { affine, Values } from "./values.js";

/** The type that products are added up in. */
export type Sum = "f32" | "i32";

export const sumType = ({ a, b }: Contraction): Sum =>
  [a, b].some(({ dtype }) => scalarOf(dtype) === "f32") ? "f32" : "i32";

/**
 * Products that are added up before their sum is added to the total. Rounding errors of a sum grow with the number of
 * its terms: sums of sums keep them small.
 */
export const TERMS = 16;

/** How the sums of a contraction leave a pass: through the epilogue, or as parts for a later pass to add up. */
export type End = { readonly kind: "epilogue" } | { readonly kind: "parts"; readonly scratch: ScratchUse };

export const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** The smallest power of two that covers `size`, but not more than `most`. */
export const cover = (size: number, most: number): number => Math.min(most, powerAbove(size));

const sizes = ({ digits }: Contraction): number[] => digits.map(({ size }) => size);

/** The shader of a pass that multiplies. */
export function shaderOf(c: Contraction, elements: readonly number[], target: Target, end: End): Shader {
  const operands = [c.a, c.b].map((access): Use => ({ access, sizes: sizes(c), write: false }));
  const uses = end.kind === "epilogue" ? [...operands, ...epilogueUses(c)] : operands;
  return new Shader(target, elements, uses, end.kind === "parts" ? [end.scratch] : []);
}

/** What a pass multiplies, in words. */
export function titleOf(c: Contraction, parts: number): string {
  const [batch, m, n, k] = (["batch", "m", "n", "k"] as const).map((axis) => sizeOf(c, axis));
  return `${c.name}: ${batch} × [${m} × ${k}] · [${k} × ${n}] in ${parts} parts`;
}

/** What the epilogue touches; sources that its value does not load are left out. */
export function epilogueUses(c: Contraction): Use[] {
  const { sources, value, target } = c.epilogue;
  const loaded = new Set(postorder([value]).flatMap((e) => (e.op === "load" || e.op === "loadAt" ? [e.value] : [])));
  const reads = sources.filter((_, i) => loaded.has(i)).map((access) => ({ access, sizes: sizes(c), write: false }));
  return [...reads, { access: target, sizes: sizes(c), write: true }];
}

/** The name of a digit's position. An axis of one digit is that digit. */
function digitName({ digits }: Contraction, d: number): string {
  const { axis } = digits[d];
  const first = digits.findIndex((digit) => digit.axis === axis);
  const alone = digits.filter((digit) => digit.axis === axis).length === 1;
  return alone ? axis : `${axis}${d - first}`;
}

/** Statements that take positions along the axes apart into those digits that `uses` names. */
function decode(c: Contraction, axes: readonly AxisName[], uses: (d: number) => boolean): string[] {
  return axes.flatMap((axis) => {
    const own = c.digits.flatMap((digit, d) => (digit.axis === axis ? [d] : []));
    if (own.length === 1) return [];
    return own.flatMap((d, i) => {
      if (!uses(d)) return [];
      const below = own.slice(i + 1).reduce((p, e) => p * c.digits[e].size, 1);
      const shifted = below === 1 ? axis : `${axis} / ${below}`;
      return [`let ${digitName(c, d)} = ${i === 0 ? shifted : `${shifted} % ${c.digits[d].size}`};`];
    });
  });
}

const parameters = (axes: readonly AxisName[]): string => axes.map((axis) => `${axis}: i32`).join(", ");

/** The function of positions along `axes` that a form is when all other digits are 0. */
export function formFunction(c: Contraction, name: string, form: Form, axes: readonly AxisName[]): string {
  const has = (d: number): boolean => form.strides[d] !== 0 && axes.includes(c.digits[d].axis);
  const text = affine(
    form.offset,
    form.strides.map((s, d) => (has(d) ? s : 0)),
    (d) => digitName(c, d),
  );
  const body = [...decode(c, axes, has), `return ${text};`].join("\n");
  return `fn ${name}(${parameters(axes)}) -> i32 {\n${indent(body)}\n}`;
}

/** An operand of a contraction, A with rows along m, or B with columns along n. */
export class Operand {
  readonly access: Access;
  /** What an element's place is made of: the address, then the values that bounds test. */
  readonly forms: readonly Form[];
  private readonly zero: string;

  constructor(
    private readonly shader: Shader,
    readonly c: Contraction,
    readonly name: "a" | "b",
    private readonly type: Sum,
  ) {
    this.access = c[name];
    this.forms = [this.access, ...this.access.bounds];
    this.zero = `${type}()`;
  }

  get axis(): "m" | "n" {
    return this.name === "a" ? "m" : "n";
  }

  /** Defines the functions a_lane(batch, m), a_lane1, … that give an element's place as far as k does not matter, and
   *  a_k(k), a_k1, … that give the rest. */
  define(): void {
    this.forms.forEach((form, i) => {
      const rest = { offset: 0, strides: form.strides };
      this.shader.define(formFunction(this.c, this.part("lane", i), form, ["batch", this.axis]));
      this.shader.define(formFunction(this.c, this.part("k", i), rest, ["k"]));
    });
  }

  /** Statements that name the place of a lane: `prefix`, `prefix`_1, … */
  lane(prefix: string, position: string): string[] {
    return this.forms.map((_, i) => `let ${at(prefix, i)} = ${this.part("lane", i)}(batch, ${position});`);
  }

  /** Statements that name what k adds to a place. */
  k(prefix: string, position: string): string[] {
    return this.forms.map((_, i) => `let ${at(prefix, i)} = ${this.part("k", i)}(${position});`);
  }

  /** The condition under which bounds let an element be read; undefined if they always do. `which` picks among the
   *  bounds by their forms' numbers. */
  inside(lane: string, k: string, which: (form: number) => boolean = () => true): string | undefined {
    // As a u32, what is negative is large.
    const tests = this.access.bounds.flatMap(({ size }, i) =>
      which(i + 1) ? [`(u32(${at(lane, i + 1)} + ${at(k, i + 1)}) < ${size}u)`] : [],
    );
    return tests.length > 0 ? tests.join(" & ") : undefined;
  }

  /** The element at an address, or 0 where the condition does not hold. */
  load(address: string, condition: string | undefined): string {
    const { access, type } = this;
    const loaded = this.shader.load(access, address);
    const value = scalarOf(access.dtype) === type ? loaded : `${type}(${loaded})`;
    return condition === undefined ? value : `select(${this.zero}, ${value}, ${condition})`;
  }

  private part(kind: "lane" | "k", i: number): string {
    return `${this.name}_${at(kind, i)}`;
  }
}

/** The name of part i of a place. */
export const at = (prefix: string, i: number): string => (i === 0 ? prefix : `${prefix}_${i}`);

/** The block of the result that an invocation holds in registers, and the type of its elements. */
export interface Registers {
  readonly m: number;
  readonly n: number;
  readonly type: Sum;
}

/** Lanes of the vectors that a row of the block is made of. */
export const lanesOf = ({ n }: Registers): number => (n % 4 === 0 ? 4 : n % 2 === 0 ? 2 : 1);

export const vectorType = (r: Registers): string => (lanesOf(r) === 1 ? r.type : `vec${lanesOf(r)}<${r.type}>`);

/** The names of a block of sums, row by row. */
const block = (prefix: string, r: Registers): string[] =>
  range(r.m).flatMap((i) => range(r.n / lanesOf(r)).map((j) => `${prefix}_${i}_${j}`));

export const zeroBlock = (prefix: string, r: Registers): string[] =>
  block(prefix, r).map((name) => `var ${name} = ${vectorType(r)}();`);

/** Adds a block to another. */
export const addBlock = (to: string, from: string, r: Registers): string[] =>
  block(to, r).map((name, i) => `${name} += ${block(from, r)[i]};`);

/** Names the row of B that `element` gives, as vectors. */
export function rowOfB(r: Registers, element: (j: number) => string): string[] {
  const lanes = lanesOf(r);
  return range(r.n / lanes).map((j) => {
    const parts = range(lanes).map((l) => element(j * lanes + l));
    return `let b_${j} = ${lanes === 1 ? parts[0] : `${vectorType(r)}(${parts.join(", ")})`};`;
  });
}

/** The micro-kernel: part += a · b, a column of A by a row of B. */
export const multiply = (r: Registers): string[] =>
  range(r.m).flatMap((i) => range(r.n / lanesOf(r)).map((j) => `part_${i}_${j} += a_${i} * b_${j};`));

/** Hands the elements of the block at (m, n) that exist over to `finish`. */
export function finishBlock(c: Contraction, r: Registers): string[] {
  const lanes = lanesOf(r);
  const names = block("total", r);
  const count = names.length;
  const vector = `totals[i * ${r.n / lanes} + j / ${lanes}]`;
  return [
    `var totals = array<${vectorType(r)}, ${count}>(${names.join(", ")});`,
    `for (var i = 0; i < ${r.m}; i++) {`,
    `  for (var j = 0; j < ${r.n}; j++) {`,
    `    if (m + i < ${sizeOf(c, "m")} && n + j < ${sizeOf(c, "n")}) {`,
    `      finish(part, batch, m + i, n + j, ${lanes === 1 ? vector : `${vector}[j % ${lanes}]`});`,
    "    }",
    "  }",
    "}",
  ];
}

/** Defines finish(part, batch, m, n, total), which stores a total to the target, or to scratch. */
export function defineFinish(shader: Shader, c: Contraction, end: End, type: Sum): void {
  const body = end.kind === "epilogue" ? epilogueText(shader, c) : [keep(shader, c, end.scratch, type)];
  shader.define(`fn finish(part: i32, batch: i32, m: i32, n: i32, total: ${type}) {\n${indent(body.join("\n"))}\n}`);
}

/** Where in scratch a part of an element lies. */
export const placeOfPart = (c: Contraction): string =>
  `((part * ${sizeOf(c, "batch")} + batch) * ${sizeOf(c, "m")} + m) * ${sizeOf(c, "n")} + n`;

const keep = (shader: Shader, c: Contraction, { index }: ScratchUse, type: Sum): string =>
  shader.storeScratch(index, placeOfPart(c), type === "f32" ? "total" : "bitcast<f32>(total)");

function epilogueText(shader: Shader, c: Contraction): string[] {
  const { sources, value, target } = c.epilogue;
  const position = (d: number): string => digitName(c, d);
  const { statements, texts } = new Values(shader, { sources, position, acc: () => "total" }).print([value]);
  const store = shader.store(target, affine(target.offset, target.strides, position), texts[0]);
  const text = [...statements, store].join("\n");
  const uses = (d: number): boolean => new RegExp(`\\b${digitName(c, d)}\\b`).test(text);
  return [...decode(c, ["batch", "m", "n"], uses), ...statements, store];
}
