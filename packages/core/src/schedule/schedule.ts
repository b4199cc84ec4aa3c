/**
 * The scheduler: cuts a traced graph into units of work, each one kernel. Which values go to memory is decided here:
 * what must be there (roots, operands of templates, results of reductions), and what would cost more to compute again.
 */

import { type Expr, expr, postorder } from "../expr.js";
import { sameShape } from "../node.js";
import { ownForms, SplitLoop, variableForm } from "./forms.js";
import { copyOf, Group, MAX_BUFFERS, type Surroundings } from "./group.js";
import { Incompatible, KernelBuilder, Materialize, type Met } from "./kernel-builder.js";
import type { Trace, Vertex } from "./trace.js";

/** A loop kernel to be. */
export interface LoopUnit {
  readonly kind: "loop";
  group: Group;
}

/** A template with its epilogue: `result` is the vertex that is stored. */
export interface TemplateUnit {
  readonly kind: "template";
  readonly template: Vertex;
  readonly result: Vertex;
  /** One a template operand: reads it over the operand's own dimensions. */
  readonly operands: readonly KernelBuilder[];
  readonly epilogue: { readonly builder: KernelBuilder; readonly value: Expr };
}

/** A concatenation: memory that other units write parts of. */
export interface CatUnit {
  readonly kind: "cat";
  readonly vertex: Vertex;
}

export type Unit = LoopUnit | TemplateUnit | CatUnit;

const TEMPLATES = new Set(["matmul", "conv2d", "conv2dInputGrad", "conv2dWeightGrad", "scan", "sort"]);
const SOURCES = new Set(["leaf", "uniform", "const", "iota"]);
/** Up to this many elements a value is a vector of channels or classes rather than an activation. */
const VECTOR = 4096;
/** An expression of more nested operators is cut: whoever walks it may recurse. */
const MAX_DEPTH = 100;
export const COSTLY = new Set(["exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "erf", "pow", "mulhi"]);

const isTemplate = (v: Vertex): boolean => TEMPLATES.has(v.op.kind);

export class Scheduler {
  /** Vertices that are in memory once their unit has run. */
  readonly materialized = new Set<Vertex>();
  readonly units: Unit[] = [];
  private readonly users = new Map<Vertex, Vertex[]>();
  /** Externals that roots are written to. */
  private readonly roots: ReadonlyMap<Vertex, number>;
  private readonly around: Surroundings = { inMemory: (v) => this.inMemory(v), buffer: (v) => this.buffer(v) };
  private readonly unitOf = new Map<Vertex, Unit>();
  private readonly unitNeeds = new Map<Unit, Set<Unit>>();
  /** Chains of elementwise operators that a template takes over, by their end; and everything in them. */
  private readonly epilogues = new Map<Vertex, Vertex>();
  private readonly claimed = new Set<Vertex>();
  private readonly costs = new Map<Vertex, number>();
  /** How many operators nest in what is computed in place. */
  private readonly depths = new Map<Vertex, number>();

  constructor(
    private readonly graph: Trace,
    private readonly fuse: boolean,
  ) {
    this.roots = new Map(graph.roots.map((r) => [r.vertex, r.target]));
  }

  run(): this {
    const { vertices } = this.graph;
    for (const v of vertices)
      for (const i of new Set(v.inputs)) {
        const list = this.users.get(i);
        if (list) list.push(v);
        else this.users.set(i, [v]);
      }
    for (const v of vertices) if (this.mustMaterialize(v)) this.materialized.add(v);
    for (const v of vertices) if (isTemplate(v)) this.claimEpilogue(v);
    // Ids ascend from operands to users.
    for (const v of vertices) if (this.materialized.has(v)) this.place(v);
    return this;
  }

  private inMemory(v: Vertex): boolean {
    return v.op.kind === "leaf" || this.materialized.has(v);
  }

  /** The buffer of a vertex, as far as it is known now: state that is overwritten keeps its own. */
  private buffer(v: Vertex): string {
    if (v.op.kind === "leaf") return `x${v.slot}`;
    const target = this.roots.get(v);
    return target === undefined ? `t${v.id}` : `x${target}`;
  }

  // What goes to memory.

  private mustMaterialize(v: Vertex): boolean {
    const kind = v.op.kind;
    if (kind === "leaf") return false;
    if (this.roots.has(v) || kind === "reduce" || kind === "cat" || TEMPLATES.has(kind)) return true;
    if (SOURCES.has(kind)) return false;
    const users = this.users.get(v) ?? [];
    const depth = 1 + Math.max(0, ...v.inputs.map((i) => (this.inMemory(i) ? 0 : (this.depths.get(i) ?? 0))));
    this.depths.set(v, depth);
    if (depth > MAX_DEPTH || (!this.fuse && (kind === "map" || kind === "gather"))) return true;
    if (kind !== "map" && kind !== "gather") return false;
    if (users.some((u) => TEMPLATES.has(u.op.kind) || u.op.kind === "cat")) return true;
    const cost = this.cost(v);
    // Computing it again for every user against one write and reads. Vectors that are broadcast come cheap again.
    if (v.numel <= VECTOR && cost < 10 && users.every((u) => this.growsOrVanishes(u, v.numel))) return false;
    if (users.length > 1 && cost > 2.6) return true;
    return cost > 4 && users.some((u) => u.op.kind === "move" && this.spreads(u, v.numel));
  }

  /** Whether a chain of movement operators repeats its input many times. */
  private spreads(move: Vertex, numel: number): boolean {
    if (move.numel >= 8 * numel) return true;
    return (this.users.get(move) ?? []).some((u) => u.op.kind === "move" && this.spreads(u, numel));
  }

  /** Whether a user of a vector is itself one that is only broadcast further. */
  private growsOrVanishes(u: Vertex, numel: number, steps = 16): boolean {
    if (u.numel > numel) return true;
    if (steps === 0) return false;
    const users = this.users.get(u) ?? [];
    return (
      !this.roots.has(u) &&
      (u.op.kind === "move" || u.op.kind === "map") &&
      users.length > 0 &&
      users.every((w) => this.growsOrVanishes(w, numel, steps - 1))
    );
  }

  /** Rough cost of computing one element from what is in memory: 1 a load, 0.2 an operation, 100 a transcendental. */
  private cost(v: Vertex): number {
    let known = this.costs.get(v);
    if (known !== undefined) return known;
    known = 0;
    const op = v.op;
    if (this.inMemory(v)) known = 1;
    else if (op.kind === "map") {
      for (const e of postorder([op.expr])) if (e.args.length) known += COSTLY.has(e.op) ? 100 : 0.2;
      for (const i of v.inputs) known += this.cost(i);
    } else if (op.kind === "gather") known = 1 + v.inputs.reduce((n, i) => n + this.cost(i), 0);
    else if (op.kind === "move") {
      const inner = this.cost(v.inputs[0]);
      known = v.inputs[0].numel * 8 <= v.numel && inner < 10 ? 0.2 : inner;
    }
    this.costs.set(v, known);
    return known;
  }

  /** Finds the chain of elementwise operators after a template that it can finish itself. */
  private claimEpilogue(t: Vertex): void {
    if (!this.fuse || t.op.kind === "scan" || t.op.kind === "sort" || this.roots.has(t)) return;
    const chain: Vertex[] = [];
    let v = t;
    for (;;) {
      const users = this.users.get(v) ?? [];
      if (users.length !== 1 || (v !== t && this.roots.has(v))) break;
      const [u] = users;
      if (u.op.kind !== "map" || this.claimed.has(u) || !sameShape(u.shape, t.shape)) break;
      chain.push(u);
      v = u;
      if (this.materialized.has(u)) break;
    }
    if (chain.length === 0) return;
    for (const u of chain) this.claimed.add(u);
    this.materialized.delete(t);
    this.materialized.add(v);
    this.epilogues.set(v, t);
  }

  // Units.

  /** Makes the unit of a vertex that goes to memory, and before it the units of what turns out to be needed. */
  private place(v: Vertex): void {
    if (this.unitOf.has(v) || v.op.kind === "leaf") return;
    for (;;) {
      try {
        this.placeNow(v);
        return;
      } catch (error) {
        if (!(error instanceof Materialize)) throw error;
        if (this.unitOf.has(error.vertex)) throw new Error(`${v.op.kind} cannot be read from memory`, { cause: error });
        this.materialized.add(error.vertex);
        this.place(error.vertex);
      }
    }
  }

  private placeNow(v: Vertex): void {
    const template = this.epilogues.get(v);
    const finished = template && this.templateUnit(template, v);
    if (finished) this.add(finished, v);
    else {
      if (template) {
        // The chain can not be followed over the template's own loops: two kernels then.
        this.epilogues.delete(v);
        this.materialized.add(template);
        this.place(template);
      }
      if (isTemplate(v)) this.add(this.templateUnit(v, v)!, v);
      else if (v.op.kind === "cat") {
        // Parts that are no values in memory will be copied, so they must be readable by one kernel.
        for (const part of v.inputs) if (!this.inMemory(part)) Group.of(copyOf(part, -1), this.around);
        this.add({ kind: "cat", vertex: v }, v);
      } else if (!this.fuse || !this.join(v)) this.add({ kind: "loop", group: Group.of(v, this.around) }, v);
    }
  }

  private add(unit: Unit, v: Vertex): void {
    this.units.push(unit);
    this.unitOf.set(v, unit);
  }

  /** Puts `v` into a kernel that exists, if there is one that it may join without a cycle. */
  private join(v: Vertex): boolean {
    const needs = this.dependencies(v);
    const candidates = [...needs].filter((u): u is LoopUnit => u.kind === "loop").reverse();
    for (const u of this.units.slice(-12).reverse())
      if (u.kind === "loop" && !needs.has(u) && this.related(u, v)) candidates.push(u);
    if (candidates.length === 0) return false;
    const before = this.neededBy(needs);
    for (const unit of candidates) {
      if (before.has(unit)) continue;
      const group = unit.group.with(v, this.around);
      if (!group) continue;
      unit.group = group;
      this.unitNeeds.delete(unit);
      this.unitOf.set(v, unit);
      return true;
    }
    return false;
  }

  /** Whether a kernel reads something that `v` reads too, so that both are worth one sweep. */
  private related(unit: LoopUnit, v: Vertex): boolean {
    const reads = this.reads(v);
    return unit.group.built.builder.sources.some((s) => s.vertex.numel > 1 && reads.has(s.vertex));
  }

  /** Memory that the expression of `v` reads, through everything that is computed in place. */
  reads(v: Vertex): Set<Vertex> {
    const found = new Set<Vertex>();
    const seen = new Set<Vertex>();
    const visit = (u: Vertex): void => {
      if (seen.has(u)) return;
      seen.add(u);
      if (u !== v && this.inMemory(u)) found.add(u);
      else for (const i of u.inputs) visit(i);
    };
    visit(v);
    return found;
  }

  /** Units whose results `v` reads. */
  private dependencies(v: Vertex): Set<Unit> {
    const result = new Set<Unit>();
    for (const u of this.reads(v)) {
      const unit = this.unitOf.get(u);
      if (unit) result.add(unit);
    }
    return result;
  }

  /** Units whose results the given ones need, directly or not. */
  private neededBy(units: Iterable<Unit>): Set<Unit> {
    const found = new Set<Unit>();
    const stack = [...units];
    while (stack.length)
      for (const d of this.unitDependencies(stack.pop()!))
        if (!found.has(d)) {
          found.add(d);
          stack.push(d);
        }
    return found;
  }

  /** Units whose results a unit reads. What it reads is placed before it, so only joining changes them. */
  private unitDependencies(unit: Unit): Set<Unit> {
    let result = this.unitNeeds.get(unit);
    if (result) return result;
    result = new Set<Unit>();
    for (const v of this.unitReads(unit)) {
      const u = this.unitOf.get(v);
      if (u && u !== unit) result.add(u);
    }
    // The copies of a concatenation's parts read what is in memory in the end.
    if (unit.kind !== "cat") this.unitNeeds.set(unit, result);
    return result;
  }

  /** Memory that a unit reads. */
  unitReads(unit: Unit): Vertex[] {
    if (unit.kind === "loop") return unit.group.built.builder.sources.map((s) => s.vertex);
    if (unit.kind === "cat") return unit.vertex.inputs.flatMap((i) => (this.inMemory(i) ? [i] : [...this.reads(i)]));
    return [...unit.operands, unit.epilogue.builder].flatMap((b) => b.sources.map((s) => s.vertex));
  }

  unitFor(v: Vertex): Unit | undefined {
    return this.unitOf.get(v);
  }

  /** A template over `t`, finished by the chain that ends in `result`; null where the chain needs other loops. */
  private templateUnit(t: Vertex, result: Vertex): TemplateUnit | null {
    const operands = t.inputs.map((x) => this.operand(x));
    const loops = t.shape;
    const here = ownForms(loops);
    const accumulated: Met = {
      kind: "member",
      read: (forms) => {
        if (forms.some((f, i) => f !== here[i])) throw new Incompatible();
        return ACC;
      },
    };
    const builder: KernelBuilder = new KernelBuilder(loops, (v) =>
      v === t ? accumulated : v !== result && this.inMemory(v) ? { kind: "memory" } : { kind: "inline" },
    );
    if (t === result) return { kind: "template", template: t, result, operands, epilogue: { builder, value: ACC } };
    try {
      const value = builder.compute(result, here);
      const buffers = new Set([...operands, builder].flatMap((b) => b.sources.map((s) => this.buffer(s.vertex))));
      return buffers.size < MAX_BUFFERS
        ? { kind: "template", template: t, result, operands, epilogue: { builder, value } }
        : null;
    } catch (error) {
      if (error instanceof SplitLoop || error instanceof Incompatible) return null;
      throw error;
    }
  }

  /** Reads a template's operand over its own dimensions: plain memory, with any strides. */
  private operand(x: Vertex): KernelBuilder {
    let base = x;
    while (!this.inMemory(base) && base.op.kind === "move") base = base.inputs[0];
    if (!this.inMemory(base)) throw new Materialize(base);
    const builder = new KernelBuilder(x.shape, (v) => (this.inMemory(v) ? { kind: "memory" } : { kind: "inline" }));
    try {
      builder.read(
        x,
        x.shape.map((_, i) => variableForm(i)),
      );
    } catch (error) {
      if (error instanceof SplitLoop) throw new Materialize(x);
      throw error;
    }
    const [source] = builder.sources;
    if (builder.sources.length !== 1 || source.limits.length > 0) throw new Materialize(x);
    return builder;
  }
}

/** The template's result, in its epilogue. */
const ACC = expr("acc", "f32", [], 0);
