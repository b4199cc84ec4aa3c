/**
 * A contraction by tiles: a workgroup brings DEPTH columns of its rows of A and DEPTH rows of its columns of B into
 * workgroup memory, and every invocation multiplies what it needs of them into a block that it holds in registers.
 */

import type { Pass, Target } from "../program.js";
import { type Contraction, sizeOf } from "./contraction.js";
import {
  addBlock,
  at,
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

/** Products that one filling of workgroup memory is good for. They are added up before they join the total. */
const DEPTH = TERMS;

export interface Tile {
  /** The block of an invocation. */
  readonly m: number;
  readonly n: number;
  /** Invocations along m and n. */
  readonly down: number;
  readonly across: number;
}

/** Workgroups that keep a graphics card busy. */
const BUSY = 64;
/** Elements of the edge of an invocation's block. Its sixteen sums, twice, and a row and a column to multiply are what
 *  fits registers everywhere; every element that is read serves four products. */
const EDGE = 4;
/** Invocations that a workgroup should have at least: few rows are made up for by more columns. */
const ENOUGH = 64;

/** Tiles of 64 × 64 read each operand least often, smaller ones make more workgroups where the result is small, and no
 *  tile is much larger than the result. */
export function tileOf(c: Contraction, { invocations }: Target): Tile {
  const [batches, rows, columns] = [sizeOf(c, "batch"), sizeOf(c, "m"), sizeOf(c, "n")];
  const edge = batches * ceilDiv(rows, 64) * ceilDiv(columns, 64) >= BUSY ? 64 : 32;
  let m = cover(rows, EDGE);
  const n = cover(columns, EDGE);
  let down = cover(ceilDiv(rows, m), edge / EDGE);
  const widest = Math.max(edge / EDGE, Math.min(ENOUGH / down, 32));
  const across = cover(ceilDiv(columns, n), widest);
  for (; down * across > invocations; m *= 2) down /= 2;
  return { m, n, down, across };
}

/** What parts along k are made of. */
export const tiledUnits = (c: Contraction): number => ceilDiv(sizeOf(c, "k"), DEPTH);

export function printTiled(c: Contraction, elements: readonly number[], target: Target, parts: number, end: End): Pass {
  const { m, n, down, across } = tileOf(c, target);
  const r: Registers = { m, n, type: sumType(c) };
  const [batches, rows, columns, depth] = [sizeOf(c, "batch"), sizeOf(c, "m"), sizeOf(c, "n"), sizeOf(c, "k")];
  const shader = shaderOf(c, elements, target, end);
  const operands = [new Operand(shader, c, "a", r.type), new Operand(shader, c, "b", r.type)];
  const [left, right] = operands.map((operand, i) => {
    operand.define();
    return new Fill(operand, i === 0 ? m * down : n * across, i === 0 ? rows : columns, down * across);
  });
  defineFinish(shader, c, end, r.type);
  shader.define(`var<workgroup> tile_a: array<${r.type}, ${left.elements}>;`);
  shader.define(`var<workgroup> tile_b: array<${r.type}, ${right.elements}>;`);

  const [tilesDown, tilesAcross] = [ceilDiv(rows, m * down), ceilDiv(columns, n * across)];
  const tiles = parts * batches * tilesDown * tilesAcross;
  const { workgroups, number } = linearGroups(tiles, target);
  const perPart = ceilDiv(tiledUnits(c), parts) * DEPTH;
  const products = [
    ...range(m).map((i) => `let a_${i} = tile_a[k * ${left.pitch} + row + ${i}];`),
    ...rowOfB(r, (j) => `tile_b[k * ${right.pitch} + column + ${j}]`),
    ...multiply(r),
  ];
  const body = `
let tile = i32(${number});
if (tile >= ${tiles}) { return; }
let tile_n = tile % ${tilesAcross} * ${n * across};
let tile_m = tile / ${tilesAcross} % ${tilesDown} * ${m * down};
let batch = tile / ${tilesAcross * tilesDown} % ${batches};
let part = tile / ${tilesAcross * tilesDown * batches};
let at = i32(local);
let row = at / ${across} * ${m};
let column = at % ${across} * ${n};
${left.places("tile_m")}
${right.places("tile_n")}
${zeroBlock("total", r).join("\n")}
let end = min((part + 1) * ${perPart}, ${depth});
for (var first = part * ${perPart}; first < end; first += ${DEPTH}) {
${indent(left.fill())}
${indent(right.fill())}
  workgroupBarrier();
${indent(zeroBlock("part", r).join("\n"))}
  for (var k = 0; k < ${DEPTH}; k++) {
${indent(indent(products.join("\n")))}
  }
${indent(addBlock("total", "part", r).join("\n"))}
  workgroupBarrier();
}
let m = tile_m + row;
let n = tile_n + column;
${finishBlock(c, r).join("\n")}`.trim();
  return shader.finish({
    title: `${titleOf(c, parts)}, tiles of ${m * down} × ${n * across}, ${m} × ${n} an invocation`,
    workgroupSize: [down * across, 1, 1],
    workgroups,
    body,
  });
}

/** How the invocations of a workgroup bring `lanes` rows of A (columns of B) into workgroup memory, k by k. */
class Fill {
  /** Words from one k to the next in workgroup memory. Where neighbours write to different k, one more than the lanes,
   *  so that they meet different banks. */
  readonly pitch: number;
  private readonly alongK: boolean;
  private readonly slots: readonly number[];

  constructor(
    private readonly operand: Operand,
    private readonly lanes: number,
    private readonly size: number,
    private readonly invocations: number,
  ) {
    this.alongK = isAlongK(operand);
    this.pitch = this.alongK ? lanes + 1 : lanes;
    this.slots = range(ceilDiv(lanes * DEPTH, invocations));
  }

  get elements(): number {
    return this.pitch * DEPTH;
  }

  /** Statements that name, for each element that an invocation brings, its k, its place and where it goes. */
  places(tile: string): string {
    const { operand, lanes, alongK } = this;
    const name = operand.name;
    return this.slots
      .flatMap((slot) => {
        const element = slot === 0 ? "at" : `(at + ${slot * this.invocations})`;
        const [lane, k] = alongK
          ? [`${element} / ${DEPTH}`, `${element} % ${DEPTH}`]
          : [`${element} % ${lanes}`, `${element} / ${lanes}`];
        return [
          `let ${name}${slot}_k = ${k};`,
          ...operand.lane(`${name}${slot}_lane`, `min(${tile} + ${lane}, ${this.size - 1})`),
          `let ${name}${slot}_to = ${name}${slot}_k * ${this.pitch} + ${lane};`,
        ];
      })
      .join("\n");
  }

  /** Statements that bring the elements of DEPTH products, and 0 for those that a part does not have. */
  fill(): string {
    const { operand, slots } = this;
    const name = operand.name;
    const lines = slots.flatMap((slot) => {
      const [lane, k] = [`${name}${slot}_lane`, `${name}${slot}_at`];
      const inside = operand.inside(lane, k);
      const exists = `(first + ${name}${slot}_k < end)`;
      const value = operand.load(`${lane} + ${at(k, 0)}`, inside === undefined ? exists : `${exists} & ${inside}`);
      return [...operand.k(k, `first + ${name}${slot}_k`), `tile_${name}[${name}${slot}_to] = ${value};`];
    });
    const spare = this.lanes * DEPTH < this.invocations;
    return spare ? `if (at < ${this.lanes * DEPTH}) {\n${indent(lines.join("\n"))}\n}` : lines.join("\n");
  }
}

/** Whether neighbours along k are nearer in memory than neighbours along the lanes. */
export function isAlongK({ c, access, axis }: Pick<Operand, "c" | "access" | "axis">): boolean {
  const stride = (name: "m" | "n" | "k"): number => {
    const last = c.digits.findLastIndex((digit) => digit.axis === name);
    return last < 0 ? 0 : Math.abs(access.strides[last]);
  };
  return stride("k") > 0 && (stride(axis) === 0 || stride("k") < stride(axis));
}
