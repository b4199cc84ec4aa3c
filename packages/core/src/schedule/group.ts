/**
 * Groups: operators that become one loop kernel. A group has a domain and the axes that its reductions sweep; its
 * members are reductions over those axes, elementwise results of the whole domain, and results of a row.
 */

import { type Expr, expr, scalarOf } from "../expr.js";
import { numelOf, sameShape } from "../node.js";
import * as S from "../ops/scalar.js";
import { type Form, SplitLoop as Split, type SplitLoop, sameForm } from "./forms.js";
import { Incompatible, KernelBuilder, Materialize, type Met } from "./kernel-builder.js";
import { Loops, squeezed } from "./loops.js";
import type { Vertex } from "./trace.js";

/** Rows that a kernel must have before elementwise work of the whole domain is done row by row. */
const ENOUGH_ROWS = 16;
/** Below this many elements parallel rows do not matter. */
const SMALL = 1 << 15;
/** Storage buffers that WebGPU guarantees to a shader stage. */
export const MAX_BUFFERS = 8;

export type MemberKind = "reduce" | "point" | "row";

export interface Member {
  readonly vertex: Vertex;
  readonly kind: MemberKind;
}

export interface BuiltMember extends Member {
  readonly value: Expr;
  /** For stores: the position in the vertex's own shape. */
  readonly forms: readonly Form[];
}

export interface Built {
  readonly loops: Loops;
  readonly builder: KernelBuilder;
  readonly members: readonly BuiltMember[];
}

export interface Surroundings {
  /** Whether a vertex is in memory when later kernels run. */
  inMemory(v: Vertex): boolean;
  /** Names the buffer that holds, or will hold, a vertex. */
  buffer(v: Vertex): string;
}

/** Axes of a reduction, counted among the sizes other than 1. */
function squeezedAxes(shape: readonly number[], axes: readonly number[]): Set<number> {
  const result = new Set<number>();
  let at = 0;
  shape.forEach((d, i) => {
    if (d === 1) return;
    if (axes.includes(i)) result.add(at);
    at++;
  });
  return result;
}

export class Group {
  private constructor(
    readonly members: readonly Member[],
    readonly built: Built,
  ) {}

  static of(vertex: Vertex, around: Surroundings): Group {
    const [domain, axes] = domainOf(vertex);
    const members: Member[] = [{ vertex, kind: vertex.op.kind === "reduce" ? "reduce" : "point" }];
    const built = build(members, new Loops(domain, axes), around);
    if (countBuffers(built, members, around) > MAX_BUFFERS) {
      const half = nearestHalf(vertex, around);
      if (half) throw new Materialize(half);
    }
    return new Group(members, built);
  }

  /** This group with one more member; null where it does not fit. */
  with(vertex: Vertex, around: Surroundings): Group | null {
    const [domain, axes] = domainOf(vertex);
    const mine = this.built.loops;
    let loops = mine;
    let kind: MemberKind;
    if (vertex.op.kind === "reduce") {
      if (!sameShape(domain, mine.domain)) return null;
      kind = "reduce";
      if (mine.axes.size === 0 && axes.size > 0) loops = new Loops(domain, axes);
      else if (axes.size !== mine.axes.size || [...axes].some((a) => !mine.axes.has(a))) return null;
    } else if (sameShape(domain, mine.domain)) kind = "point";
    else if (mine.axes.size > 0 && sameShape(domain, mine.rowDomain)) kind = "row";
    else return null;
    const members = [...this.members, { vertex, kind }];
    if (
      loops.axes.size > 0 &&
      members.some((m) => m.kind === "point") &&
      numelOf(loops.rowDomain) < ENOUGH_ROWS &&
      numelOf(loops.domain) > SMALL
    )
      return null;
    try {
      const built = build(members, loops, around);
      if (countBuffers(built, members, around) > MAX_BUFFERS) return null;
      return new Group(members, built);
    } catch (error) {
      if (error instanceof Incompatible) return null;
      // What is wanted in memory will be there, but not yet in this kernel, which makes it.
      if (error instanceof Materialize && members.some((m) => m.vertex === error.vertex)) return null;
      throw error;
    }
  }
}

const countBuffers = ({ builder }: Built, members: readonly Member[], around: Surroundings): number =>
  new Set([...builder.sources, ...members].map(({ vertex }) => around.buffer(vertex))).size;

/** Of what is computed on the way to a vertex, the part that reads nearest to half of all that is read. */
function nearestHalf(vertex: Vertex, around: Surroundings): Vertex | undefined {
  const reads = new Map<Vertex, ReadonlySet<string>>();
  const visit = (v: Vertex): ReadonlySet<string> => {
    let buffers = reads.get(v);
    if (!buffers) {
      const inputs = v.inputs.flatMap((i) => [...(around.inMemory(i) ? [around.buffer(i)] : visit(i))]);
      buffers = new Set(inputs);
      reads.set(v, buffers);
    }
    return buffers;
  };
  const all = visit(vertex).size;
  let best: Vertex | undefined;
  let distance = Infinity;
  for (const [v, { size }] of reads) {
    const off = Math.abs(size - all / 2);
    if (v === vertex || (v.op.kind !== "map" && v.op.kind !== "gather") || off >= distance) continue;
    best = v;
    distance = off;
  }
  return best;
}

/** A vertex that is the same as `v` in other memory. */
export const copyOf = (v: Vertex, id: number): Vertex => ({
  ...v,
  id,
  op: { kind: "map", name: "copy", expr: S.arg(0, scalarOf(v.dtype)) },
  inputs: [v],
  slot: -1,
});

function domainOf(vertex: Vertex): [number[], Set<number>] {
  if (vertex.op.kind !== "reduce") return [squeezed(vertex.shape), new Set()];
  const [x] = vertex.inputs;
  return [squeezed(x.shape), squeezedAxes(x.shape, vertex.op.axes)];
}

function build(members: readonly Member[], loops: Loops, around: Surroundings): Built {
  let current = loops;
  for (;;) {
    try {
      return attempt(members, current, around);
    } catch (error) {
      if (!(error instanceof Split)) throw error;
      current = current.split((error as SplitLoop).variable, error.inner);
    }
  }
}

function attempt(members: readonly Member[], loops: Loops, around: Surroundings): Built {
  const own = new Map(members.map((m) => [m.vertex, m]));
  const stage = new Map<Vertex, number>();
  const at = (m: Member): Form[] => loops.forms(m.vertex.shape, m.kind !== "point");
  const builder: KernelBuilder = new KernelBuilder(loops.sizes, (v): Met => {
    const m = own.get(v);
    if (!m) return around.inMemory(v) ? MEMORY : INLINE;
    return {
      kind: "member",
      read(forms, limits) {
        // Only the current point's own value is at hand.
        const here = at(m);
        if (limits.length > 0 || !forms.every((f, i) => sameForm(f, here[i]))) throw new Incompatible();
        if (m.kind !== "reduce") return builder.compute(v, forms);
        const index = stage.get(v);
        if (index === undefined) throw new Incompatible();
        return expr("acc", typeOf(v), [], index);
      },
    };
  });
  const built: BuiltMember[] = [];
  let stages = 0;
  for (const m of members) {
    if (m.kind === "reduce") {
      const x = m.vertex.inputs[0];
      built.push({ ...m, value: builder.read(x, loops.forms(x.shape, false)), forms: at(m) });
      stage.set(m.vertex, stages++);
    } else built.push({ ...m, value: builder.compute(m.vertex, at(m)), forms: at(m) });
  }
  return { loops, builder, members: built };
}

const typeOf = (v: Vertex): "f32" | "i32" => (v.dtype === "int32" ? "i32" : "f32");
const MEMORY: Met = { kind: "memory" };
const INLINE: Met = { kind: "inline" };
