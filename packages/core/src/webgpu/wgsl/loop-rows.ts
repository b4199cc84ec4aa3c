/**
 * Kernels with reductions. Where rows are cut into chunks, a pass leaves the chunks' results in scratch, and the next
 * one begins by combining them; otherwise one pass makes all stages.
 */

import type { Scalar } from "../../expr.js";
import type { LoopKernel } from "../../kernel.js";
import type { KernelProgram, Pass, Target } from "../program.js";
import { type Geometry, geometryOf, wholeRows } from "./loop-geometry.js";
import { invariantsOf } from "./loop-invariants.js";
import { Layout, type Shared } from "./loop-layout.js";
import type { OrderedLoop } from "./loop-order.js";
import { accsOf, phasesOf, type Step, stagesOf, stepsOf, valuesOf } from "./loop-phases.js";
import { usesOfStages } from "./loop-uses.js";
import { Positions } from "./positions.js";
import { indent, type ScratchUse, Shader } from "./shader.js";
import { printStores } from "./stores.js";
import { type Scope, Values } from "./values.js";
import { isSummed, printWalk } from "./walk.js";

type Reduces = Extract<Step, { kind: "reduce" }>;
type Stores = Extract<Step, { kind: "store" }>;

/** The program of a kernel whose rows have inner positions. */
export function printRows(ordered: OrderedLoop, elements: readonly number[], target: Target): KernelProgram {
  const geometry = geometryOf(ordered, target);
  if (geometry.rowCount === 0) return { passes: [], scratch: [] };
  const program = printPhases(ordered.kernel, geometry, elements, target);
  // Scratch takes bindings too: where a kernel needs all of them for itself, rows are left whole.
  const fits = program.passes.every(({ bindings }) => bindings.length <= target.storageBuffers);
  return fits || geometry.chunks === 1 ? program : printPhases(ordered.kernel, wholeRows(geometry), elements, target);
}

function printPhases(
  kernel: LoopKernel,
  geometry: Geometry,
  elements: readonly number[],
  target: Target,
): KernelProgram {
  const steps = stepsOf(kernel.stages);
  const phases = geometry.chunks > 1 ? phasesOf(steps) : [steps];
  const passes = phases.map((phase, i) => {
    const title = `${kernel.name}: ${kernel.rows.join(" × ") || 1} rows of ${kernel.inner.join(" × ") || 1}`;
    const part = phases.length > 1 ? `, pass ${i + 1} of ${phases.length}` : "";
    return new PhasePrinter(kernel, geometry, elements, target, phase).print(title + part);
  });
  const reductions = kernel.stages.filter((s) => s.kind === "reduce").length;
  const scratch = geometry.chunks > 1 ? reductions : 0;
  return { passes, scratch: new Array<number>(scratch).fill(geometry.rowCount * geometry.chunks) };
}

const scratchType = (type: Scalar): "f32" | "i32" | "u32" => (type === "bool" ? "u32" : type);

class PhasePrinter {
  private readonly shader: Shader;
  private readonly layout: Layout;
  private readonly positions = new Positions();
  /** What is the same at all positions of a row. */
  private readonly rowValues: Values;

  constructor(
    private readonly kernel: LoopKernel,
    private readonly geometry: Geometry,
    elements: readonly number[],
    target: Target,
    private readonly steps: readonly Step[],
  ) {
    const wide = steps.some((step) => step.kind === "reduce" || step.per === "point");
    this.layout = new Layout(geometry, target, wide);
    const uses = usesOfStages(kernel, steps.flatMap(stagesOf));
    this.shader = new Shader(target, elements, uses, [
      ...this.scratchUses(this.neededAccs(), false),
      ...this.scratchUses(this.leftAccs(), true),
    ]);
    this.rowValues = new Values(this.shader, { sources: kernel.sources, ...this.scope() }, "r");
  }

  print(title: string): Pass {
    const { kernel, layout, shader } = this;
    const needed = this.neededAccs();
    const lines = [
      ...(needed.length > 0 ? this.collect(needed) : []),
      ...this.steps.flatMap((step) => (step.kind === "reduce" ? this.reduce(step) : this.store(step))),
      ...this.leave(),
    ];
    const rowPositions = this.positions.unravel("row", kernel.rows, 0);
    return shader.finish({
      title,
      workgroupSize: [this.geometry.workgroup, 1, 1],
      workgroups: layout.workgroups,
      body: [...layout.setup, ...rowPositions, ...lines].join("\n"),
    });
  }

  private scope(): Pick<Scope, "position" | "acc"> {
    return { position: this.positions.position, acc: (stage) => `acc${stage}` };
  }

  /** Reductions of earlier passes whose results this one uses. */
  private neededAccs(): number[] {
    const own = this.steps.flatMap((s) => (s.kind === "reduce" ? s.reduces.map((r) => r.index) : []));
    return [...accsOf(this.steps.flatMap(valuesOf))].filter((acc) => !own.includes(acc)).sort((a, b) => a - b);
  }

  /** Reductions of which this pass leaves the chunks' results. */
  private leftAccs(): number[] {
    if (this.geometry.chunks === 1) return [];
    return this.steps.flatMap((s) => (s.kind === "reduce" ? s.reduces.map((r) => r.index) : []));
  }

  private total(stage: number): Shared {
    const reduce = this.kernel.stages[stage];
    if (reduce.kind !== "reduce") throw new Error(`stage ${stage} of the kernel ${this.kernel.name} is no reduction`);
    return { index: stage, name: this.layout.ownName(stage), op: reduce.op, type: reduce.type, value: "" };
  }

  /** The number of a reduction among all: that of its scratch. */
  private scratchOf(stage: number): number {
    return this.kernel.stages.slice(0, stage).filter((s) => s.kind === "reduce").length;
  }

  private scratchUses(stages: readonly number[], write: boolean): ScratchUse[] {
    const elements = this.geometry.rowCount * this.geometry.chunks;
    return stages.map((stage) => {
      return { index: this.scratchOf(stage), elements, type: scratchType(this.total(stage).type), write };
    });
  }

  /** Combines what the chunks of an earlier pass have left. */
  private collect(stages: readonly number[]): string[] {
    const { layout, shader } = this;
    const totals = stages.map((stage): Shared => {
      const total = this.total(stage);
      const word = shader.loadScratch(this.scratchOf(stage), `i32(row * ${this.geometry.chunks}u + c)`);
      return { ...total, value: total.type === "bool" ? `(${word} != 0u)` : word };
    });
    const walk = printWalk(shader, layout.chunkLevels(totals.some(isSummed)), totals, []);
    return [...walk, ...layout.join(shader, totals)];
  }

  /** Leaves the results of the chunk for the next pass. */
  private leave(): string[] {
    const stores = this.leftAccs().map((stage) => {
      const value = this.total(stage).type === "bool" ? `u32(acc${stage})` : `acc${stage}`;
      return this.shader.storeScratch(this.scratchOf(stage), `i32(row * ${this.geometry.chunks}u + chunk)`, value);
    });
    return stores.length > 0 ? guarded(this.layout.storesChunk, stores) : [];
  }

  private reduce({ reduces }: Reduces): string[] {
    const { kernel, layout, shader } = this;
    const roots = reduces.map((r) => r.stage.value);
    const hoisted = this.rowValues.declare(invariantsOf(kernel, roots));
    const values = new Values(shader, { sources: kernel.sources, ...this.scope() }, "v", this.rowValues);
    const { statements, texts } = values.print(roots);
    const totals = reduces.map(({ index }, i): Shared => ({ ...this.total(index), value: texts[i] }));
    const { levels, linear } = layout.levels(kernel, totals.some(isSummed));
    const walk = printWalk(shader, levels, totals, [...this.innerPositions(linear), ...statements]);
    return [...hoisted, ...walk, ...layout.join(shader, totals)];
  }

  private store({ per, stores }: Stores): string[] {
    const { kernel, layout, shader, rowValues } = this;
    const stages = stores.map((s) => s.stage);
    if (per === "row") return guarded(layout.storesRow, printStores(shader, kernel, stages, this.scope(), rowValues));
    const hoisted = rowValues.declare(
      invariantsOf(
        kernel,
        stages.map((s) => s.value),
      ),
    );
    const act = printStores(shader, kernel, stages, this.scope(), rowValues);
    const { levels, linear } = layout.levels(kernel, false);
    const walk = printWalk(shader, levels, [], [...this.innerPositions(linear), ...act]);
    return [...hoisted, ...guarded(layout.storesPoints, walk)];
  }

  private innerPositions(linear: boolean): string[] {
    return linear ? this.positions.unravel("k", this.kernel.inner, this.kernel.rows.length) : [];
  }
}

/** Statements that only some invocations take. In any case their names are their own. */
function guarded(condition: string, lines: readonly string[]): string[] {
  const names = lines.some((line) => line.startsWith("let "));
  if (!condition && !names) return [...lines];
  return [condition ? `if (${condition}) {` : "{", ...lines.map(indent), "}"];
}
