/**
 * A contraction without workgroup memory: every invocation reads its rows of A and columns of B itself. For adapters in
 * software, where barriers are dear and every load comes from the processor's cache anyway, and for products of so few
 * rows that there is nothing to share (depthwise convolutions).
 */

import type { Pass, Target } from "../program.js";
import { type Contraction, reorder, sizeOf } from "./contraction.js";
import {
  addBlock,
  ceilDiv,
  defineFinish,
  type End,
  epilogueUses,
  finishBlock,
  multiply,
  Operand,
  operandUses,
  type Registers,
  rowOfB,
  sumType,
  TERMS,
  zeroBlock,
} from "./gemm-text.js";
import { indent, linearGroups, Shader } from "./shader.js";

const INVOCATIONS = 64;

/** Rows and columns that an invocation holds. */
export interface DirectTile {
  readonly m: number;
  readonly n: number;
}

/** The smallest power of two that covers `size`, but not more than `most`. */
const cover = (size: number, most: number): number => Math.min(most, 2 ** Math.ceil(Math.log2(Math.max(size, 1))));

/** Large blocks load little for what they multiply, until they spill registers. */
export function directTile(c: Contraction, { software }: Target): DirectTile {
  const most = software ? 8 : 4;
  return { m: cover(sizeOf(c, "m"), most), n: cover(sizeOf(c, "n"), most) };
}

/** The walk along k: runs along its innermost digit, in steps of at most TERMS products. */
interface Walk {
  readonly contraction: Contraction;
  /** Size of the innermost digit, and steps that a run along it takes. */
  readonly run: number;
  readonly perRun: number;
  readonly steps: number;
}

/** Longest digit last: what does not change within a run is computed once a step. */
function walkOf(given: Contraction): Walk {
  const digits = given.digits.map((_, d) => d);
  const ks = digits.filter((d) => given.digits[d].axis === "k");
  const longest = ks.reduce((best, d) => (given.digits[d].size > given.digits[best].size ? d : best), ks[0]);
  const order = [...digits.filter((d) => d !== longest), ...(longest === undefined ? [] : [longest])];
  const contraction = reorder(given, order);
  const run = longest === undefined ? 1 : given.digits[longest].size;
  const perRun = ceilDiv(run, TERMS);
  return { contraction, run, perRun, steps: (sizeOf(given, "k") / run) * perRun };
}

/** Steps along k that can be divided among parts. */
export const directSteps = (c: Contraction): number => walkOf(c).steps;

export function printDirect(
  given: Contraction,
  elements: readonly number[],
  target: Target,
  parts: number,
  end: End,
): Pass {
  const { contraction: c, run, perRun, steps } = walkOf(given);
  const tile = directTile(c, target);
  const r: Registers = { ...tile, type: sumType(c) };
  const [batches, rows, columns] = (["batch", "m", "n"] as const).map((axis) => sizeOf(c, axis));
  const uses = [...operandUses(c), ...(end.kind === "epilogue" ? epilogueUses(c) : [])];
  const shader = new Shader(target, elements, uses, end.kind === "parts" ? [end.scratch] : []);
  const [a, b] = [new Operand(shader, c, "a", r.type), new Operand(shader, c, "b", r.type)];
  a.define();
  b.define();
  defineFinish(shader, c, end, r.type);

  const [down, across] = [ceilDiv(rows, r.m), ceilDiv(columns, r.n)];
  const items = parts * batches * down * across;
  const { workgroups, number } = linearGroups(ceilDiv(items, INVOCATIONS), target);
  const perPart = ceilDiv(steps, parts);
  const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const rowPlaces = range(r.m).flatMap((i) => a.lane(`row${i}`, `min(m + ${i}, ${rows - 1})`));
  const columnPlaces = range(r.n).flatMap((j) => b.lane(`column${j}`, `min(n + ${j}, ${columns - 1})`));
  const load = (operand: Operand, lane: string, k: string): string =>
    operand.load(`${lane} + ${k}`, operand.inside(lane, k));
  const products = [
    ...a.k("down", "k"),
    ...b.k("across", "k"),
    ...range(r.m).map((i) => `let a_${i} = ${load(a, `row${i}`, "down")};`),
    ...rowOfB(r, (j) => load(b, `column${j}`, "across")),
    ...multiply(r),
  ];
  const body = `
let item = i32(${number}) * ${INVOCATIONS} + i32(local);
if (item >= ${items}) { return; }
let n = item % ${across} * ${r.n};
let m = item / ${across} % ${down} * ${r.m};
let batch = item / ${across * down} % ${batches};
let part = item / ${across * down * batches};
${rowPlaces.join("\n")}
${columnPlaces.join("\n")}
${zeroBlock("total", r).join("\n")}
for (var step = part * ${perPart}; step < min((part + 1) * ${perPart}, ${steps}); step++) {
  let first = step / ${perRun} * ${run} + step % ${perRun} * ${TERMS};
  let end = min(first + ${TERMS}, (step / ${perRun} + 1) * ${run});
${indent(zeroBlock("part", r).join("\n"))}
  for (var k = first; k < end; k++) {
${indent(indent(products.join("\n")))}
  }
${indent(addBlock("total", "part", r).join("\n"))}
}
${finishBlock(c, r).join("\n")}`.trim();
  return shader.finish({
    title: `${c.name}: ${batches} × [${rows} × ${sizeOf(c, "k")}] · [${sizeOf(c, "k")} × ${columns}], ${r.m} × ${r.n} an invocation`,
    workgroupSize: [INVOCATIONS, 1, 1],
    workgroups,
    body,
  });
}
