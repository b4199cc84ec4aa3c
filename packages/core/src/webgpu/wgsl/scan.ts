/**
 * Running sums as WGSL. A row is cut into chunks and those into the segments of lanes; what lies before a segment is a
 * sum of sums, so that no error grows with the position.
 */

import { type Expr, expr, type Scalar, scalarOf } from "../../expr.js";
import type { ScanKernel } from "../../kernel.js";
import { numelOf } from "../../node.js";
import type { Use } from "../../uses.js";
import { usesOf } from "../../uses.js";
import type { KernelProgram, Pass, Target } from "../program.js";
import { chooseGeometry, type Geometry } from "./loop-geometry.js";
import { Layout, type Shared } from "./loop-layout.js";
import { Positions } from "./positions.js";
import { powerBelow } from "./powers.js";
import { indent, type ScratchUse, Shader } from "./shader.js";
import { affine, Values } from "./values.js";
import { isSummed, levelsOf, printWalk } from "./walk.js";

const MOST_LANES = 256;

/** The program of a running sum. `elements[i]` is the size of its buffer i. */
export function printScan(kernel: ScanKernel, elements: readonly number[], target: Target): KernelProgram {
  const rowCount = numelOf(kernel.rows);
  if (rowCount * kernel.length === 0) return { passes: [], scratch: [] };
  const strides = kernel.source.strides.map(Math.abs);
  const rowsFast = Math.min(...strides.slice(0, -1).filter(Boolean)) < strides[kernel.rows.length];
  const most = powerBelow(Math.min(MOST_LANES, target.invocations));
  const geometry = chooseGeometry({ rowCount, innerCount: kernel.length, rowsFast }, most, target);
  const printer = new ScanPrinter(kernel, geometry, elements, target);
  if (geometry.chunks === 1) return { passes: [printer.scan()], scratch: [] };
  return { passes: [printer.sumChunks(), printer.scan()], scratch: [rowCount * geometry.chunks] };
}

class ScanPrinter {
  private readonly layout: Layout;
  /** What is added: f32 or i32. */
  private readonly type: "f32" | "i32";
  private readonly value: Expr;

  constructor(
    private readonly kernel: ScanKernel,
    private readonly geometry: Geometry,
    private readonly elements: readonly number[],
    private readonly target: Target,
  ) {
    this.layout = new Layout(geometry, target, true);
    const stored = scalarOf(kernel.source.dtype);
    this.type = stored === "f32" ? "f32" : "i32";
    this.value = convert(expr("load", stored, [], 0), this.type);
  }

  /** The first of two passes: leaves the sum of every chunk. */
  sumChunks(): Pass {
    const { kernel, layout, type } = this;
    const source = usesOf(kernel).filter(({ write }) => !write);
    const shader = this.shader(source, true);
    const positions = new Positions();
    const { statements, text } = this.load(shader, positions);
    const total: Shared = { index: 0, name: layout.ownName(0), op: "sum", type, value: text };
    const inner = { rows: kernel.rows, inner: [kernel.length] };
    const { levels } = layout.levels(inner, isSummed(total));
    const walk = printWalk(shader, levels, [total], [...this.innerPosition(positions), ...statements]);
    const store = shader.storeScratch(0, this.chunkAddress("chunk"), "acc0");
    const leave = layout.storesChunk ? [`if (${layout.storesChunk}) {`, indent(store), "}"] : [store];
    return this.finish(shader, positions, ", sums of chunks", [...walk, ...layout.join(shader, [total]), ...leave]);
  }

  /** The pass that writes the sums. */
  scan(): Pass {
    const { layout, geometry } = this;
    const shader = this.shader(usesOf(this.kernel), false);
    const positions = new Positions();
    const before: string[] = [];
    const lines: string[] = [];
    if (geometry.chunks > 1) {
      lines.push(...this.sumBefore(shader));
      before.push("acc0");
    }
    if (geometry.lanes > 1) {
      lines.push(...this.scanLanes(shader, positions));
      before.push("earlier");
    }
    const base = before.length > 1 ? `(${before.join(" + ")})` : before[0];
    const writes = this.walkSegment(shader, positions, "total", (sum) => [
      this.store(shader, positions, base ? `(${base} + ${sum})` : sum),
    ]);
    const guarded = layout.storesPoints ? [`if (${layout.storesPoints}) {`, ...writes.map(indent), "}"] : writes;
    return this.finish(shader, positions, "", [...lines, ...guarded]);
  }

  private shader(uses: readonly Use[], write: boolean): Shader {
    const { rowCount, chunks } = this.geometry;
    const scratch: ScratchUse[] = [{ index: 0, elements: rowCount * chunks, type: this.type, write }];
    return new Shader(this.target, this.elements, uses, chunks > 1 ? scratch : []);
  }

  /** The sum of the row's chunks before this one, `acc0`. */
  private sumBefore(shader: Shader): string[] {
    const { layout, type } = this;
    const value = shader.loadScratch(0, this.chunkAddress("c"));
    const total: Shared = { index: 0, name: layout.ownName(0), op: "sum", type, value };
    const walk = printWalk(shader, layout.chunkLevels(isSummed(total), "chunk"), [total], []);
    return [...walk, ...layout.join(shader, [total])];
  }

  /** The sum of the segments of earlier lanes, `earlier`: each lane adds what lies 1, 2, 4 … lanes before it. */
  private scanLanes(shader: Shader, positions: Positions): string[] {
    const { workgroup, lanes, rowsFast } = this.geometry;
    const { type } = this;
    const rows = workgroup / lanes;
    const unit = rowsFast && rows > 1 ? ` * ${rows}u` : "";
    shader.define(`var<workgroup> segments: array<${type}, ${workgroup}>;`);
    return [
      ...this.walkSegment(shader, positions, "segment", () => []),
      "segments[local] = segment;",
      `for (var apart = 1u; apart < ${lanes}u; apart *= 2u) {`,
      `  var other = ${type}(0);`,
      "  workgroupBarrier();",
      "  if (lane >= apart) {",
      `    other = segments[local - apart${unit}];`,
      "  }",
      "  workgroupBarrier();",
      "  segments[local] += other;",
      "}",
      "workgroupBarrier();",
      `var earlier = ${type}(0);`,
      "if (lane > 0u) {",
      `  earlier = segments[local - ${rowsFast ? rows : 1}u];`,
      "}",
    ];
  }

  /** The invocation's own segment; `after` acts at each position on the sum so far. */
  private walkSegment(
    shader: Shader,
    positions: Positions,
    name: string,
    after: (sum: string) => readonly string[],
  ): string[] {
    const { lanes, chunks, chunk } = this.geometry;
    const { length } = this.kernel;
    const segment = Math.ceil(chunk / lanes);
    const starts = [...(chunks > 1 ? [`chunk * ${chunk}u`] : []), ...(lanes > 1 ? [`lane * ${segment}u`] : [])];
    const begin = starts.join(" + ") || "0u";
    const ends = [`${length}u`];
    if (lanes > 1) ends.push(`${begin} + ${segment}u`);
    if (chunks > 1) ends.push(`chunk * ${chunk}u + ${chunk}u`);
    const end = ends.reduce((least, e) => `min(${e}, ${least})`);
    const { statements, text } = this.load(shader, positions);
    const total = { name, op: "sum", type: this.type, value: text } as const;
    const range = { name: "k", type: "u32", begin, end, step: 1, turns: segment } as const;
    const levels = levelsOf(range, isSummed(total));
    const writes = (sums: readonly string[]): readonly string[] => after(sums[0]);
    const body = [...this.innerPosition(positions), ...statements];
    return printWalk(shader, levels, [total], body, writes);
  }

  private load(shader: Shader, positions: Positions): { statements: string[]; text: string } {
    // Stores need it even where loads do not.
    positions.position(this.kernel.rows.length);
    const scope = { sources: [this.kernel.source], position: positions.position, acc: () => "" };
    const { statements, texts } = new Values(shader, scope).print([this.value]);
    return { statements, text: texts[0] };
  }

  private store(shader: Shader, positions: Positions, sum: string): string {
    const { target } = this.kernel;
    const scope = { sources: [], position: positions.position, acc: () => sum };
    const value = convert(expr("acc", this.type, [], 0), scalarOf(target.dtype));
    const { texts } = new Values(shader, scope).print([value]);
    return shader.store(target, affine(target.offset, target.strides, positions.position), texts[0]);
  }

  private innerPosition(positions: Positions): string[] {
    return positions.unravel("k", [this.kernel.length], this.kernel.rows.length);
  }

  private chunkAddress(chunk: string): string {
    return `i32(row * ${this.geometry.chunks}u + ${chunk})`;
  }

  private finish(shader: Shader, positions: Positions, part: string, lines: readonly string[]): Pass {
    const { name, rows, length } = this.kernel;
    return shader.finish({
      title: `${name}: ${rows.join(" × ") || 1} rows of ${length}${part}`,
      workgroupSize: [this.geometry.workgroup, 1, 1],
      workgroups: this.layout.workgroups,
      body: [...this.layout.setup, ...positions.unravel("row", rows, 0), ...lines].join("\n"),
    });
  }
}

const convert = (e: Expr, type: Scalar): Expr => (e.type === type ? e : expr("cast", type, [e]));
