/**
 * Loops that one invocation makes, and the totals it keeps. A long sum of f32 is made of sums of short blocks, block
 * within block, so that its error grows with the logarithm of its length.
 */

import type { Scalar } from "../../expr.js";
import type { ReduceOp } from "../../kernel.js";
import { combine, identity } from "./combine.js";
import { indent, type Shader } from "./shader.js";

/** The most terms that one total adds up. */
const BLOCK = 16;

/** A loop around those that follow it. */
export interface Level {
  readonly header: string;
  readonly turns: number;
}

/** What a walk combines: the name of its variable, and the text of its value at a point. */
export interface Total {
  readonly name: string;
  readonly op: ReduceOp;
  readonly type: Scalar;
  readonly value: string;
}

/** A loop of a variable from `begin` in steps to below `end`; texts and literals are of the one integer type. */
export interface Range {
  readonly name: string;
  readonly type: "i32" | "u32";
  readonly begin: string;
  readonly end: string;
  readonly step: number;
  /** The most turns that it makes. */
  readonly turns: number;
}

/** The loop of a range, in blocks where it is long and its turns are `summed`. */
export function levelsOf({ name, type, begin, end, step, turns }: Range, summed: boolean): Level[] {
  const unit = type === "u32" ? "u" : "";
  const levels: Level[] = [];
  let from = begin;
  let to = end;
  let left = turns;
  for (let span = summed ? spanOf(turns) : 1; span > 1; span /= BLOCK) {
    const block = `${name}_${levels.length}`;
    const width = `${span * step}${unit}`;
    levels.push({
      header: `for (var ${block} = ${from}; ${block} < ${to}; ${block} += ${width})`,
      turns: Math.ceil(left / span),
    });
    [from, to, left] = [block, `min(${block} + ${width}, ${end})`, span];
  }
  const next = step === 1 ? `${name}++` : `${name} += ${step}${unit}`;
  return [...levels, { header: `for (var ${name} = ${from}; ${name} < ${to}; ${next})`, turns: left }];
}

/** Turns of the largest blocks of a range: a power of BLOCK, 1 where it needs none. */
function spanOf(turns: number): number {
  let span = 1;
  while (span * BLOCK < turns) span *= BLOCK;
  return span;
}

/** Whether sums of this kind are made in blocks. */
export const isSummed = ({ op, type }: Pick<Total, "op" | "type">): boolean => op === "sum" && type === "f32";

/** The statement that takes one more value into a total. */
export function accumulate(
  shader: Shader,
  { op, type }: Pick<Total, "op" | "type">,
  name: string,
  value: string,
): string {
  return op === "sum" && type !== "bool"
    ? `${name} += ${value};`
    : `${name} = ${combine(shader, op, type, name, value)};`;
}

/** Declares the totals and walks the levels; `body` is what stands before the values at each point. `after` gives what
 *  follows there, of the texts of the totals so far. */
export function printWalk(
  shader: Shader,
  levels: readonly Level[],
  totals: readonly Total[],
  body: readonly string[],
  after: (soFar: readonly string[]) => readonly string[] = () => [],
): string[] {
  const blocks = blockLevels(levels);
  const declare = (names: readonly string[], of: readonly Total[]): string[] =>
    of.map(({ op, type }, i) => `var ${names[i]} = ${identity(shader, op, type)};`);
  const walk = (level: number, names: readonly string[], soFar: readonly string[]): string[] => {
    if (level === levels.length) {
      const steps = totals.map((t, i) => accumulate(shader, t, names[i], t.value));
      return [...body, ...steps, ...after(soFar)];
    }
    if (!blocks.has(level)) return looped(`${levels[level].header} `, walk(level + 1, names, soFar));
    const summed = totals.filter(isSummed);
    const blockName = (t: Total): string => `${t.name}_${level}`;
    const inner = totals.map((t, i) => (isSummed(t) ? blockName(t) : names[i]));
    const sums = totals.map((t, i) => (isSummed(t) ? `(${soFar[i]} + ${blockName(t)})` : soFar[i]));
    return [
      ...declare(summed.map(blockName), summed),
      ...looped(`${levels[level].header} `, walk(level + 1, inner, sums)),
      ...totals.flatMap((t, i) => (isSummed(t) ? [accumulate(shader, t, names[i], blockName(t))] : [])),
    ];
  };
  const names = totals.map((t) => t.name);
  const declared = declare(names, totals);
  const lines = walk(0, names, names);
  // Without a loop the names of the body need a scope of their own.
  return [...declared, ...(levels.length === 0 && body.length > 0 ? looped("", lines) : lines)];
}

const looped = (header: string, lines: readonly string[]): string[] => [`${header}{`, ...lines.map(indent), "}"];

/** The levels at which new totals begin, so that none adds up more than BLOCK terms. */
function blockLevels(levels: readonly Level[]): Set<number> {
  const begin = new Set<number>();
  let terms = 1;
  for (let level = levels.length - 1; level >= 0; level--) {
    const { turns } = levels[level];
    if (terms > 1 && terms * turns > BLOCK) {
      begin.add(level + 1);
      terms = 1;
    }
    terms *= turns;
  }
  return begin;
}
