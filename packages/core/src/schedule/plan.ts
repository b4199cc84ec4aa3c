/** From units to a plan: finished kernels in order, with buffers, and scratch shared by lifetime. */

import type { Device } from "../device.js";
import type { ComputeDType } from "../dtype.js";
import type { BufferRef, Plan, PlannedKernel, Slot } from "../kernel.js";
import { finish, type Step } from "./finish.js";
import { type BufferKey, Placement } from "./placement.js";
import { recompute } from "./recompute.js";
import { Scheduler } from "./schedule.js";
import type { Trace, Vertex } from "./trace.js";

/** How a graph is cut; the defaults are what devices run, the others serve as a check of it. */
export interface ScheduleOptions {
  /** Fuse operators into kernels. */
  readonly fuse: boolean;
  /** Let intermediates share memory. */
  readonly share: boolean;
  /** Part of a plan's time that may go into computing again what would be kept long for a later use; 0 for none. */
  readonly recompute: number;
}

export const DEFAULT_SCHEDULE: ScheduleOptions = { fuse: true, share: true, recompute: 1 / 20 };

export function makePlan(
  graph: Trace,
  device: Pick<Device, "elementBytes">,
  options: ScheduleOptions = DEFAULT_SCHEDULE,
): Plan {
  const scheduler = new Scheduler(graph, options.fuse).run();
  const placement = new Placement(graph, scheduler);
  const once = placement.ordered().map((work) => finish(work, placement, device));
  const sizes = scratchSizes(once, placement, graph, device);
  const steps = options.recompute > 0 ? recompute(once, options.recompute, placement, sizes, device) : once;
  const { slots, slotsOf } = lifetimes(steps, sizes);
  const ref = (key: BufferKey, slot: number | undefined): BufferRef =>
    slot === undefined ? { kind: "external", index: Number(key.slice(1)) } : { kind: "slot", index: slot };
  return {
    key: graph.key,
    kernels: steps.map(
      ({ kernel, keys, flops, bytes }, i): PlannedKernel => ({
        kernel,
        buffers: keys.map((key, j) => ref(key, slotsOf[i][j])),
        flops,
        bytes,
      }),
    ),
    slots: options.share ? slots : slots.map(({ bytes }) => ({ bytes, first: 0, last: steps.length - 1 })),
    externals: [
      ...graph.externals.map((s) => s.numel * device.elementBytes(s.dtype as ComputeDType)),
      ...graph.fresh.map(({ node }) => node.numel * device.elementBytes(node.computeDType)),
    ],
    uniforms: graph.uniforms.length,
  };
}

/** Bytes of each scratch buffer. */
function scratchSizes(
  steps: readonly Step[],
  placement: Placement,
  graph: Trace,
  device: Pick<Device, "elementBytes">,
): Map<BufferKey, number> {
  const sizes = new Map<BufferKey, number>();
  for (const { work } of steps)
    for (const v of placement.stored(work)) {
      const { buffer } = placement.placeOf(v);
      if (buffer[0] === "t")
        sizes.set(buffer, Math.max(sizes.get(buffer) ?? 0, scratchBytes(v, buffer, graph, device)));
    }
  return sizes;
}

/** Bytes of the scratch buffer in which `v` is placed: its own size, or that of the concatenation it is a part of. */
function scratchBytes(v: Vertex, buffer: BufferKey, graph: Trace, device: Pick<Device, "elementBytes">): number {
  const owner = graph.vertices[Number(buffer.slice(1))] ?? v;
  return Math.max(v.numel, owner.numel) * device.elementBytes(v.dtype);
}

/** The scratch of all steps, each alive from the first that touches it to the last, and which of it each step's buffers
 *  are. What is computed again is scratch of its own. */
function lifetimes(
  steps: readonly Step[],
  sizes: ReadonlyMap<BufferKey, number>,
): { slots: Slot[]; slotsOf: (number | undefined)[][] } {
  const slots: Slot[] = [];
  const current = new Map<BufferKey, number>();
  const slotsOf = steps.map(({ keys, renews }, i) =>
    keys.map((key) => {
      if (key[0] !== "t") return undefined;
      const known = key === renews ? undefined : current.get(key);
      const at = known ?? slots.length;
      current.set(key, at);
      slots[at] = { bytes: sizes.get(key) ?? 0, first: slots[at]?.first ?? i, last: i };
      return at;
    }),
  );
  return { slots, slotsOf };
}
