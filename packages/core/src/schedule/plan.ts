/** From units to a plan: finished kernels in order, with buffers, and scratch shared by lifetime. */

import type { Device } from "../device.js";
import type { ComputeDType } from "../dtype.js";
import { type Expr, expr, mapLeaves, postorder } from "../expr.js";
import type { Access, BufferRef, Kernel, LoopKernel, Plan, PlannedKernel, Slot, Stage } from "../kernel.js";
import { numelOf } from "../node.js";
import { type Use, usesOf } from "../uses.js";
import { coalesce } from "./coalesce.js";
import { type Form, ownForms } from "./forms.js";
import type { KernelBuilder } from "./kernel-builder.js";
import { type BufferKey, loadAddress, Placement, storeAddress, type Work } from "./placement.js";
import { type LoopUnit, Scheduler, type TemplateUnit } from "./schedule.js";
import type { Trace, Vertex } from "./trace.js";

/** How a graph is cut; the defaults are what devices run, the others serve as a check of it. */
export interface ScheduleOptions {
  /** Fuse operators into kernels. */
  readonly fuse: boolean;
  /** Let intermediates share memory. */
  readonly share: boolean;
}

export const DEFAULT_SCHEDULE: ScheduleOptions = { fuse: true, share: true };

/** Buffers of one kernel, numbered as they are met. */
class Buffers {
  readonly keys: BufferKey[] = [];

  number(key: BufferKey): number {
    const at = this.keys.indexOf(key);
    return at >= 0 ? at : this.keys.push(key) - 1;
  }
}

export function makePlan(
  graph: Trace,
  device: Pick<Device, "elementBytes">,
  options: ScheduleOptions = DEFAULT_SCHEDULE,
): Plan {
  const scheduler = new Scheduler(graph, options.fuse).run();
  const placement = new Placement(graph, scheduler);
  const works = placement.ordered();
  const kernels = works.map((w) => finish(w, placement));

  // Lifetimes of scratch, from the first kernel that touches it to the last.
  const sizes = new Map<BufferKey, number>();
  for (const w of works)
    for (const v of [...placement.stored(w)]) {
      const { buffer } = placement.placeOf(v);
      if (buffer[0] === "t")
        sizes.set(buffer, Math.max(sizes.get(buffer) ?? 0, scratchBytes(v, buffer, graph, device)));
    }
  const lives = new Map<BufferKey, Slot>();
  kernels.forEach(({ keys }, i) => {
    for (const key of keys) {
      if (key[0] !== "t") continue;
      const bytes = sizes.get(key) ?? 0;
      if (options.share) lives.set(key, { bytes, first: lives.get(key)?.first ?? i, last: i });
      else lives.set(key, { bytes, first: 0, last: kernels.length - 1 });
    }
  });
  const refs = new Map<BufferKey, BufferRef>();
  [...lives.keys()].forEach((key, index) => {
    refs.set(key, { kind: "slot", index });
  });
  const ref = (key: BufferKey): BufferRef => refs.get(key) ?? { kind: "external", index: Number(key.slice(1)) };
  return {
    key: graph.key,
    kernels: kernels.map(
      ({ kernel, keys }): PlannedKernel => ({ kernel, buffers: keys.map(ref), ...cost(kernel, device) }),
    ),
    slots: [...lives.values()],
    externals: [
      ...graph.externals.map((s) => s.numel * device.elementBytes(s.dtype as ComputeDType)),
      ...graph.fresh.map(({ node }) => node.numel * device.elementBytes(node.computeDType)),
    ],
    uniforms: graph.uniforms.length,
  };
}

/** Bytes of the scratch buffer in which `v` is placed: its own size, or that of the concatenation it is a part of. */
function scratchBytes(v: Vertex, buffer: BufferKey, graph: Trace, device: Pick<Device, "elementBytes">): number {
  const owner = graph.vertices[Number(buffer.slice(1))] ?? v;
  return Math.max(v.numel, owner.numel) * device.elementBytes(v.dtype);
}

interface Finished {
  readonly kernel: Kernel;
  readonly keys: readonly BufferKey[];
}

const finish = (work: Work, placement: Placement): Finished =>
  work.kind === "loop" ? finishLoop(work, placement) : finishTemplate(work, placement);

/** Accesses of a builder's sources, wherever they were placed. */
function sourceAccesses(builder: KernelBuilder, placement: Placement, buffers: Buffers): Access[] {
  return builder.sources.map((s) => {
    const place = placement.placeOf(s.vertex);
    return builder.access(s.vertex.dtype, loadAddress(place, s.address), s.limits, buffers.number(place.buffer));
  });
}

function storeAccess(
  builder: KernelBuilder,
  v: Vertex,
  forms: readonly Form[],
  placement: Placement,
  buffers: Buffers,
): Access {
  const place = placement.placeOf(v);
  return builder.access(v.dtype, storeAddress(place, forms), [], buffers.number(place.buffer));
}

function finishLoop(work: LoopUnit, placement: Placement): Finished {
  const { built } = work.group;
  const { builder, loops } = built;
  const buffers = new Buffers();
  const sources = sourceAccesses(builder, placement, buffers);
  const stored = new Set(placement.stored(work));
  // Reductions first, those that need no other before those that do; then stores of rows; then of points.
  const reduces = built.members.filter((m) => m.kind === "reduce");
  const depth: number[] = [];
  reduces.forEach((m, i) => {
    depth[i] = Math.max(0, ...accs(m.value).map((a) => depth[a] + 1));
  });
  const order = reduces.map((_, i) => i).sort((a, b) => depth[a] - depth[b]);
  const renumber = (e: Expr): Expr =>
    mapLeaves(e, (l) => (l.op === "acc" ? expr("acc", l.type, [], order.indexOf(l.value)) : l));
  const stages: Stage[] = order.map((i) => {
    const { vertex, value } = reduces[i];
    if (vertex.op.kind !== "reduce") throw new Error("a reduction is a reduce vertex");
    return { kind: "reduce", op: vertex.op.op, type: vertex.dtype === "int32" ? "i32" : "f32", value: renumber(value) };
  });
  const store = (per: "row" | "point", m: (typeof built.members)[number], value: Expr): void => {
    stages.push({ kind: "store", per, target: storeAccess(builder, m.vertex, m.forms, placement, buffers), value });
  };
  for (const m of built.members) {
    if (!stored.has(m.vertex)) continue;
    if (m.kind === "reduce")
      store("row", m, expr("acc", m.vertex.dtype === "int32" ? "i32" : "f32", [], order.indexOf(reduces.indexOf(m))));
    else if (m.kind === "row") store("row", m, renumber(m.value));
  }
  const flat = loops.axes.size === 0;
  for (const m of built.members)
    if (m.kind === "point" && stored.has(m.vertex)) store(flat ? "row" : "point", m, renumber(m.value));
  const sizes = loops.sizes;
  const name = [...new Set(built.members.map((m) => nameOf(m.vertex)))].join("+");
  const kernel: LoopKernel = {
    kind: "loop",
    name,
    rows: sizes.slice(0, loops.rowCount),
    inner: sizes.slice(loops.rowCount),
    sources,
    stages,
  };
  return { kernel: coalesce(kernel), keys: buffers.keys };
}

const accs = (e: Expr): number[] => postorder([e]).flatMap((x) => (x.op === "acc" ? [x.value] : []));

const nameOf = (v: Vertex): string =>
  v.op.kind === "map"
    ? v.op.name
    : v.op.kind === "reduce"
      ? v.op.op
      : v.op.kind === "move"
        ? v.op.move.type
        : v.op.kind;

function finishTemplate(work: TemplateUnit, placement: Placement): Finished {
  const { template: t, result, epilogue } = work;
  const buffers = new Buffers();
  const operands = work.operands.map((b) => sourceAccesses(b, placement, buffers)[0]);
  const sources = sourceAccesses(epilogue.builder, placement, buffers);
  const here = ownForms(t.shape);
  const target = storeAccess(epilogue.builder, result, here, placement, buffers);
  const end = { sources, value: epilogue.value, target };
  const op = t.op;
  const keys = buffers.keys;
  const last = t.inputs[0]?.shape.length - 1;
  switch (op.kind) {
    case "matmul": {
      const [a, b] = t.inputs;
      const batch = t.shape.slice(0, -2);
      const [m, k] = a.shape.slice(-2);
      return {
        kernel: {
          kind: "matmul",
          name: "matmul",
          batch,
          m,
          n: b.shape[b.shape.length - 1],
          k,
          a: operands[0],
          b: operands[1],
          epilogue: end,
        },
        keys,
      };
    }
    case "conv2d":
    case "conv2dInputGrad":
    case "conv2dWeightGrad":
      return {
        kernel: { kind: op.kind, name: op.kind, shape: op.shape, a: operands[0], b: operands[1], epilogue: end },
        keys,
      };
    case "scan":
      return {
        kernel: {
          kind: "scan",
          name: "scan",
          rows: t.inputs[0].shape.slice(0, -1),
          length: t.inputs[0].shape[last],
          source: operands[0],
          target,
        },
        keys,
      };
    case "sort":
      return {
        kernel: {
          kind: "sort",
          name: "sort",
          rows: t.inputs[0].shape.slice(0, -1),
          length: t.inputs[0].shape[last],
          take: op.take,
          descending: op.descending,
          source: operands[0],
          target,
        },
        keys,
      };
    default:
      throw new Error(`${op.kind} is no template`);
  }
}

/** FLOPs of contractions, and the bytes that a kernel touches, each element counted once an access. */
function cost(kernel: Kernel, device: Pick<Device, "elementBytes">): { flops: number; bytes: number } {
  const touched = ({ access, sizes }: Use): number =>
    access.strides.reduce((n, s, i) => (s === 0 ? n : n * sizes[i]), 1) * device.elementBytes(access.dtype);
  return { flops: flopsOf(kernel), bytes: usesOf(kernel).reduce((sum, use) => sum + touched(use), 0) };
}

function flopsOf(kernel: Kernel): number {
  switch (kernel.kind) {
    case "loop":
    case "scan":
    case "sort":
      return 0;
    case "matmul":
      return 2 * numelOf([...kernel.batch, kernel.m, kernel.n, kernel.k]);
    default: {
      const { n, groups, ic, oc, oh, ow, kh, kw } = kernel.shape;
      return 2 * numelOf([n, groups, oc, oh, ow, ic, kh, kw]);
    }
  }
}
