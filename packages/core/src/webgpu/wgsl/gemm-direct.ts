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
  cover,
  defineFinish,
  type End,
  finishBlock,
  multiply,
  Operand,
  type Registers,
  range,
  rowOfB,
  shaderOf,
  sumType,
  TERMS,
  titleOf,
  zeroBlock,
} from "./gemm-text.js";
import { indent, linearGroups } from "./shader.js";

const INVOCATIONS = 64;

/** The edge of the block that an invocation holds on hardware, whose registers are few. */
const EDGE = 4;
/** Edges on processor cores, where a load costs as much as twenty multiplications, so that large blocks are faster; but
 *  also take long to compile, so they must be worth it. */
const SOFTWARE_EDGE = { small: 8, large: 16 };
const LARGE_WORK = 1 << 26;

/** Rows and columns that an invocation holds. */
export function directBlock(c: Contraction, { software }: Target): { readonly m: number; readonly n: number } {
  const [m, n] = [sizeOf(c, "m"), sizeOf(c, "n")];
  const work = sizeOf(c, "batch") * m * n * sizeOf(c, "k");
  const edge = !software ? EDGE : work < LARGE_WORK ? SOFTWARE_EDGE.small : SOFTWARE_EDGE.large;
  return { m: cover(m, edge), n: cover(n, edge) };
}

/** A walk along k: runs along one digit, in steps of at most TERMS products. */
interface Walk {
  readonly contraction: Contraction;
  /** Position of the digit that runs go along, undefined where k is 1. */
  readonly digit: number | undefined;
  /** Products of a run, and runs. */
  readonly length: number;
  readonly runs: number;
}

/** Runs go along the longest digit: what does not change within a run is computed once. */
function walkOf(given: Contraction): Walk {
  const digits = given.digits.map((_, d) => d);
  const ks = digits.filter((d) => given.digits[d].axis === "k");
  if (ks.length === 0) return { contraction: given, digit: undefined, length: 1, runs: 1 };
  const longest = ks.reduce((best, d) => (given.digits[d].size > given.digits[best].size ? d : best));
  const contraction = reorder(given, [...digits.filter((d) => d !== longest), longest]);
  const length = given.digits[longest].size;
  return { contraction, digit: digits.length - 1, length, runs: sizeOf(given, "k") / length };
}

/** What parts along k are made of: whole runs, or steps if there is one run alone. */
export function directUnits(c: Contraction): number {
  const { length, runs } = walkOf(c);
  return runs > 1 ? runs : ceilDiv(length, TERMS);
}

export function printDirect(
  given: Contraction,
  elements: readonly number[],
  target: Target,
  parts: number,
  end: End,
): Pass {
  const walk = walkOf(given);
  const { contraction: c, length, runs } = walk;
  const r: Registers = { ...directBlock(c, target), type: sumType(c) };
  const [batches, rows, columns] = [sizeOf(c, "batch"), sizeOf(c, "m"), sizeOf(c, "n")];
  const shader = shaderOf(c, elements, target, end);
  const [a, b] = [new Operand(shader, c, "a", r.type), new Operand(shader, c, "b", r.type)];
  a.define();
  b.define();
  defineFinish(shader, c, end, r.type);

  const [down, across] = [ceilDiv(rows, r.m), ceilDiv(columns, r.n)];
  const items = parts * batches * down * across;
  const { workgroups, number } = linearGroups(ceilDiv(items, INVOCATIONS), target);
  const perPart = ceilDiv(directUnits(c), parts);
  const [firstRun, endRun] = runs > 1 ? [`part * ${perPart}`, `min((part + 1) * ${perPart}, ${runs})`] : ["0", "1"];
  const [first, last] =
    runs > 1 || parts === 1
      ? ["0", `${length}`]
      : [`part * ${perPart * TERMS}`, `min((part + 1) * ${perPart * TERMS}, ${length})`];
  const left = new Lanes(
    a,
    walk,
    range(r.m).map((i) => `row${i}`),
  );
  const right = new Lanes(
    b,
    walk,
    range(r.n).map((j) => `column${j}`),
  );
  const products = [
    ...left.step("down"),
    ...right.step("across"),
    ...range(r.m).map((i) => `let a_${i} = ${left.load(i, "down")};`),
    ...rowOfB(r, (j) => right.load(j, "across")),
    ...multiply(r),
  ];
  const body = `
let item = i32(${number}) * ${INVOCATIONS} + i32(local);
if (item >= ${items}) { return; }
let n = item % ${across} * ${r.n};
let m = item / ${across} % ${down} * ${r.m};
let batch = item / ${across * down} % ${batches};
let part = item / ${across * down * batches};
${left.places((i) => `min(m + ${i}, ${rows - 1})`)}
${right.places((j) => `min(n + ${j}, ${columns - 1})`)}
${zeroBlock("total", r).join("\n")}
for (var run = ${firstRun}; run < ${endRun}; run++) {
${indent([...left.run("down"), ...right.run("across")].join("\n"))}
  for (var first = ${first}; first < ${last}; first += ${TERMS}) {
${indent(indent(zeroBlock("part", r).join("\n")))}
    for (var k = first; k < min(first + ${TERMS}, ${last}); k++) {
${indent(indent(indent(products.join("\n"))))}
    }
${indent(indent(addBlock("total", "part", r).join("\n")))}
  }
}
${finishBlock(c, r).join("\n")}`.trim();
  return shader.finish({
    title: `${titleOf(c, parts)}, ${r.m} × ${r.n} elements an invocation`,
    workgroupSize: [INVOCATIONS, 1, 1],
    workgroups,
    body,
  });
}

/** The lanes of an operand that an invocation reads: rows of A or columns of B. */
class Lanes {
  constructor(
    private readonly operand: Operand,
    private readonly walk: Walk,
    private readonly names: readonly string[],
  ) {}

  /** Statements that name the lanes' places. */
  places(position: (lane: number) => string): string {
    return this.names.flatMap((name, i) => this.operand.lane(name, position(i))).join("\n");
  }

  /** Statements before a run: how far it lies along k, and which lanes are within the bounds that hold all along it. */
  run(name: string): string[] {
    const { operand } = this;
    const tests = this.names.map((lane) => operand.inside(lane, `${name}_run`, (i) => !this.moves(i)));
    return [
      ...operand.k(`${name}_run`, `run * ${this.walk.length}`),
      ...tests.flatMap((test, i) => (test === undefined ? [] : [`let ${this.names[i]}_in = ${test};`])),
    ];
  }

  /** Statements before a product: how far it lies along k. */
  step(name: string): string[] {
    return this.operand.forms.flatMap(({ strides }, i) => {
      if (i > 0 && !this.moves(i)) return [];
      const stride = this.walk.digit === undefined ? 0 : strides[this.walk.digit];
      const suffix = i === 0 ? "" : `_${i}`;
      return [`let ${name}${suffix} = ${name}_run${suffix}${stride === 0 ? "" : ` + k * ${stride}`};`];
    });
  }

  load(lane: number, name: string): string {
    const { operand } = this;
    const place = this.names[lane];
    const fixed = operand.inside(place, name, (i) => !this.moves(i)) === undefined ? [] : [`${place}_in`];
    const moving = operand.inside(place, name, (i) => this.moves(i));
    const tests = moving === undefined ? fixed : [...fixed, moving];
    return operand.load(`${place} + ${name}`, tests.length > 0 ? tests.join(" & ") : undefined);
  }

  /** Whether the form changes along a run. */
  private moves(form: number): boolean {
    const { digit } = this.walk;
    return digit !== undefined && this.operand.forms[form].strides[digit] !== 0;
  }
}
