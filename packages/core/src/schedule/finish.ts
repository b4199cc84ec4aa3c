/** From a unit to the step of a plan that runs it: a finished kernel, the buffers that it is given, and what it costs. */

import type { Device } from "../device.js";
import { type Expr, expr, mapLeaves, postorder } from "../expr.js";
import type { Access, Kernel, LoopKernel, Stage } from "../kernel.js";
import { numelOf } from "../node.js";
import { type Use, usesOf } from "../uses.js";
import { coalesce } from "./coalesce.js";
import { type Form, ownForms } from "./forms.js";
import type { KernelBuilder } from "./kernel-builder.js";
import { type BufferKey, loadAddress, type Placement, storeAddress, type Work } from "./placement.js";
import type { LoopUnit, TemplateUnit } from "./schedule.js";
import type { Vertex } from "./trace.js";

export interface Step {
  readonly work: Work;
  readonly kernel: Kernel;
  /** What the kernel's accesses number. */
  readonly keys: readonly BufferKey[];
  /** FLOPs of contractions, and the bytes of all accesses, each element counted once an access. */
  readonly flops: number;
  readonly bytes: number;
  /** Scratch that held this step's result before, was given up, and is computed again. */
  readonly renews?: BufferKey;
}

/** Buffers of one kernel, numbered as they are met. */
class Buffers {
  readonly keys: BufferKey[] = [];

  number(key: BufferKey): number {
    const at = this.keys.indexOf(key);
    return at >= 0 ? at : this.keys.push(key) - 1;
  }
}

export function finish(work: Work, placement: Placement, device: Pick<Device, "elementBytes">): Step {
  const buffers = new Buffers();
  const kernel = work.kind === "loop" ? finishLoop(work, placement, buffers) : finishTemplate(work, placement, buffers);
  const touched = ({ access, sizes }: Use): number =>
    access.strides.reduce((n, s, i) => (s === 0 ? n : n * sizes[i]), 1) * device.elementBytes(access.dtype);
  const bytes = usesOf(kernel).reduce((sum, use) => sum + touched(use), 0);
  return { work, kernel, keys: buffers.keys, flops: flopsOf(kernel), bytes };
}

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

function finishLoop(work: LoopUnit, placement: Placement, buffers: Buffers): LoopKernel {
  const { built } = work.group;
  const { builder, loops } = built;
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
  return coalesce(kernel);
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

function finishTemplate(work: TemplateUnit, placement: Placement, buffers: Buffers): Kernel {
  const { template: t, result, epilogue } = work;
  const operands = work.operands.map((b) => sourceAccesses(b, placement, buffers)[0]);
  const sources = sourceAccesses(epilogue.builder, placement, buffers);
  const here = ownForms(t.shape);
  const target = storeAccess(epilogue.builder, result, here, placement, buffers);
  const end = { sources, value: epilogue.value, target };
  const op = t.op;
  switch (op.kind) {
    case "matmul": {
      const [a, b] = t.inputs;
      const [m, k] = a.shape.slice(-2);
      const n = b.shape[b.shape.length - 1];
      const [left, right] = operands;
      return { kind: "matmul", name: "matmul", batch: t.shape.slice(0, -2), m, n, k, a: left, b: right, epilogue: end };
    }
    case "conv2d":
    case "conv2dInputGrad":
    case "conv2dWeightGrad":
      return { kind: op.kind, name: op.kind, shape: op.shape, a: operands[0], b: operands[1], epilogue: end };
    case "scan":
    case "sort": {
      const { shape } = t.inputs[0];
      const line = {
        name: op.kind,
        rows: shape.slice(0, -1),
        length: shape[shape.length - 1],
        source: operands[0],
        target,
      };
      return op.kind === "scan"
        ? { kind: "scan", ...line }
        : { kind: "sort", ...line, take: op.take, descending: op.descending };
    }
    default:
      throw new Error(`${op.kind} is no template`);
  }
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
