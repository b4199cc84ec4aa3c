/** The part of a rows kernel that tells an invocation its row, chunk and lane, and that joins what lanes have found. */

import type { LoopKernel } from "../../kernel.js";
import type { Target } from "../program.js";
import type { Geometry } from "./loop-geometry.js";
import { positionName } from "./positions.js";
import { indent, linearGroups, type Shader } from "./shader.js";
import { accumulate, type Level, levelsOf, type Total } from "./walk.js";

/** A reduction's number in the kernel beside its total. */
export interface Shared extends Total {
  readonly index: number;
}

export class Layout {
  readonly workgroups: [number, number, number];
  /** Statements that make `row`, and where they differ between invocations `chunk` and `lane`, known. */
  readonly setup: readonly string[];
  /** What must hold for an invocation to store its points, and to store for its row; empty where it always does. */
  readonly storesPoints: string;
  readonly storesRow: string;

  /** `wide`: whether the pass works on inner positions, so that every chunk has something to do. */
  constructor(
    private readonly geometry: Geometry,
    target: Target,
    private readonly wide: boolean,
  ) {
    const { rowCount, workgroup, lanes } = geometry;
    const chunks = this.chunks;
    const rows = workgroup / lanes;
    const count = lanes === 1 ? Math.ceil((rowCount * chunks) / workgroup) : Math.ceil(rowCount / rows) * chunks;
    const groups = linearGroups(count, target);
    this.workgroups = groups.workgroups;
    const exact = groups.workgroups[1] === 1 && rowCount % rows === 0;
    this.setup = lanes === 1 ? this.serialSetup(groups.number) : this.sharedSetup(groups.number, exact);
    const valid = lanes > 1 && !exact ? ["valid"] : [];
    const first = [...(lanes > 1 ? ["lane == 0u"] : []), ...(chunks > 1 ? ["chunk == 0u"] : [])];
    this.storesPoints = valid.join();
    this.storesRow = [...valid, ...first].join(" && ");
  }

  /** Chunks of a row in this pass. */
  get chunks(): number {
    return this.wide ? this.geometry.chunks : 1;
  }

  /** What must hold for an invocation to leave its chunk's result. */
  get storesChunk(): string {
    return [this.storesPoints, this.geometry.lanes > 1 ? "lane == 0u" : ""].filter(Boolean).join(" && ");
  }

  /** Every invocation for itself: its number gives row and chunk. */
  private serialSetup(group: string): string[] {
    const { rowCount, workgroup, rowsFast } = this.geometry;
    const { chunks } = this;
    const number = `${group} * ${workgroup}u + local`;
    if (chunks === 1) return [`let row = ${number};`, `if (row >= ${rowCount}u) { return; }`];
    return [
      `let task = ${number};`,
      `if (task >= ${rowCount * chunks}u) { return; }`,
      rowsFast ? `let row = task % ${rowCount}u;` : `let row = task / ${chunks}u;`,
      rowsFast ? `let chunk = task / ${rowCount}u;` : `let chunk = task % ${chunks}u;`,
    ];
  }

  /** Lanes share a row. All of them reach every barrier: rows past the last repeat it, and store nothing. */
  private sharedSetup(group: string, exact: boolean): string[] {
    const { rowCount, workgroup, lanes, rowsFast } = this.geometry;
    const { chunks } = this;
    const rows = workgroup / lanes;
    const lines: string[] = [];
    if (rows === 1) lines.push("let lane = local;");
    else if (rowsFast) lines.push(`let lane = local / ${rows}u;`, `let slot = local % ${rows}u;`);
    else lines.push(`let lane = local % ${lanes}u;`, `let slot = local / ${lanes}u;`);
    if (chunks > 1) lines.push(`let chunk = ${group} % ${chunks}u;`);
    const groupOfRow = chunks > 1 ? `${group} / ${chunks}u` : group;
    const row = rows > 1 ? `${groupOfRow} * ${rows}u + slot` : groupOfRow;
    if (exact) return [...lines, `let row = ${row};`];
    return [
      ...lines,
      `let candidate = ${row};`,
      `let valid = candidate < ${rowCount}u;`,
      `let row = min(candidate, ${rowCount - 1}u);`,
    ];
  }

  /** Loops over the inner positions of this invocation. `linear` tells whether they run over `k`, the number of a
   *  position, instead of positions themselves. */
  levels({ rows, inner }: Pick<LoopKernel, "rows" | "inner">, summed: boolean): { levels: Level[]; linear: boolean } {
    const { lanes, innerCount, chunk } = this.geometry;
    const { chunks } = this;
    if (lanes === 1 && chunks === 1) {
      const levels = inner.flatMap((size, d) => {
        const name = positionName(rows.length + d);
        return levelsOf({ name, type: "i32", begin: "0", end: `${size}`, step: 1, turns: size }, summed);
      });
      return { levels, linear: false };
    }
    const start = chunks > 1 ? [`chunk * ${chunk}u`] : [];
    const begin = [...start, ...(lanes > 1 ? ["lane"] : [])].join(" + ");
    const end = chunks > 1 ? `min(chunk * ${chunk}u + ${chunk}u, ${innerCount}u)` : `${innerCount}u`;
    const turns = Math.ceil(chunk / lanes);
    return { levels: levelsOf({ name: "k", type: "u32", begin, end, step: lanes, turns }, summed), linear: true };
  }

  /** The loop over the chunks whose results an earlier pass has left, `c`: all of them, or those below `end`. */
  chunkLevels(summed: boolean, end = `${this.geometry.chunks}u`): Level[] {
    const { lanes, chunks } = this.geometry;
    const begin = lanes > 1 ? "lane" : "0u";
    return levelsOf({ name: "c", type: "u32", begin, end, step: lanes, turns: Math.ceil(chunks / lanes) }, summed);
  }

  /** The name under which an invocation collects its part of a reduction. */
  ownName(index: number): string {
    return this.geometry.lanes > 1 ? `own${index}` : `acc${index}`;
  }

  /** Statements that join the lanes' totals by halves, after which every lane knows `acc…`. */
  join(shader: Shader, totals: readonly Shared[]): string[] {
    const { workgroup, lanes, rowsFast } = this.geometry;
    if (lanes === 1) return [];
    const rows = workgroup / lanes;
    const apart = rowsFast ? rows : 1;
    const partner = `local + half${apart > 1 ? ` * ${apart}u` : ""}`;
    const first = rows === 1 ? "0" : rowsFast ? "slot" : "local - lane";
    const name = (t: Shared): string => `lanes${t.index}`;
    for (const t of totals) shader.define(`var<workgroup> ${name(t)}: array<${t.type}, ${workgroup}>;`);
    const halve = totals.map((t) => {
      const [mine, other] = [`${name(t)}[local]`, `${name(t)}[${partner}]`];
      return accumulate(shader, t, mine, other);
    });
    return [
      ...totals.map((t) => `${name(t)}[local] = ${t.name};`),
      `for (var half = ${lanes / 2}u; half > 0u; half /= 2u) {`,
      "  workgroupBarrier();",
      "  if (lane < half) {",
      ...halve.map((line) => indent(indent(line))),
      "  }",
      "}",
      "workgroupBarrier();",
      ...totals.map((t) => `let acc${t.index} = ${name(t)}[${first}];`),
    ];
  }
}
