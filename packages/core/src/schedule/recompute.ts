/**
 * Rematerialisation: what is written early, read soon, and read again much later (an activation, which the weight
 * gradient of the next layer reads) need not keep its memory in between, if it comes cheap from what is kept anyway (the
 * convolution's output and its statistics). Its scratch is given up after the early reads, and one kernel computes the
 * same expression again before the late ones; so no bit of any result changes. (Chen et al., "Training deep nets with
 * sublinear memory cost", 2016, and Jain et al., "Checkmate", 2020, in the simple case of single elementwise kernels.)
 *
 * Chosen greedily where the plan's memory peaks: by bytes saved there for time spent, until nothing lowers the peak or the
 * time is used up.
 */

import type { Device } from "../device.js";
import { postorder } from "../expr.js";
import type { Kernel } from "../kernel.js";
import { usesOf } from "../uses.js";
import { finish, type Step } from "./finish.js";
import type { BufferKey, Placement } from "./placement.js";
import { COSTLY } from "./schedule.js";
import { type Gap, Timeline } from "./timeline.js";
import type { Vertex } from "./trace.js";

/** Of the peak, the part that one recomputation must save. */
const LEAST_SAVED = 1 / 256;
/** What a nanosecond is estimated to do: FLOPs, bytes of memory, transcendental functions; and nanoseconds of a launch. */
const FLOPS = 80;
const BYTES = 10;
const FUNCTIONS = 4;
const LAUNCH = 5000;

/** A value that could be computed again. */
export interface Candidate {
  readonly key: BufferKey;
  readonly bytes: number;
  /** The step that makes it first. */
  readonly made: number;
  /** The step that makes it again. */
  readonly step: Step;
  readonly nanoseconds: number;
}

/** A value that is given up in the gap between two of its uses around step `at`. */
export interface Choice extends Candidate {
  readonly at: number;
}

/** The steps with what is computed again among them, for at most `part` of the time that they take. */
export function recompute(
  steps: readonly Step[],
  part: number,
  placement: Placement,
  sizes: ReadonlyMap<BufferKey, number>,
  device: Pick<Device, "elementBytes">,
): readonly Step[] {
  const timeline = new Timeline(steps, sizes);
  const time = part * steps.reduce((sum, step) => sum + duration(step), 0);
  const gaps = choose(timeline, candidates(steps, placement, sizes, device, timeline), time);
  return steps.flatMap((step, i) => [...(gaps.get(i) ?? []), step]);
}

const duration = ({ kernel, flops, bytes }: Step): number =>
  LAUNCH + flops / FLOPS + bytes / BYTES + functions(kernel) / FUNCTIONS;

/** Transcendental functions that a kernel computes. */
function functions(kernel: Kernel): number {
  if (kernel.kind !== "loop") return 0;
  const points = [...kernel.rows, ...kernel.inner].reduce((n, d) => n * d, 1);
  return points * postorder(kernel.stages.map((s) => s.value)).filter((e) => COSTLY.has(e.op)).length;
}

/** What an elementwise kernel could compute again from what is in memory. */
function candidates(
  steps: readonly Step[],
  placement: Placement,
  sizes: ReadonlyMap<BufferKey, number>,
  device: Pick<Device, "elementBytes">,
  timeline: Timeline,
): Candidate[] {
  const least = LEAST_SAVED * timeline.evaluate([]).peak;
  const writes = writesOf(steps);
  const found: Candidate[] = [];
  steps.forEach(({ work }, made) => {
    if (work.kind !== "loop") return;
    for (const { vertex } of work.group.members) {
      const key: BufferKey = `t${vertex.id}`;
      const bytes = sizes.get(key) ?? 0;
      if (vertex.op.kind !== "map" || placement.placeOf(vertex).buffer !== key || bytes < least) continue;
      if (!timeline.rests(key)) continue;
      // What is written later, for the backward pass, may not be there yet.
      const again = placement.alone(vertex, (input) => timeline.first(placement.placeOf(input).buffer) <= made);
      if (!again) continue;
      const stored = placement.stored(work);
      const inputs = again.group.built.builder.sources.map((s) => s.vertex);
      const lasting = inputs.every((v) => {
        if (work.group.members.some((m) => m.vertex === v)) return stored.includes(v) && exact(v);
        const { buffer } = placement.placeOf(v);
        return buffer[0] === "t" || !writes.get(buffer)?.some((at) => at >= made && at < timeline.last(key));
      });
      if (!lasting) continue;
      const step: Step = { ...finish(again, placement, device), renews: key };
      found.push({ key, bytes, made, step, nanoseconds: duration(step) });
    }
  });
  return found;
}

/** Whether memory holds all bits that a kernel computed. */
const exact = ({ dtype }: Vertex): boolean => dtype !== "float16";

/** The steps that write each buffer. */
function writesOf(steps: readonly Step[]): Map<BufferKey, number[]> {
  const result = new Map<BufferKey, number[]>();
  steps.forEach(({ kernel, keys }, i) => {
    for (const { access, write } of usesOf(kernel)) {
      if (!write) continue;
      const list = result.get(keys[access.buffer]);
      if (list) list.push(i);
      else result.set(keys[access.buffer], [i]);
    }
  });
  return result;
}

/** The steps that compute again what is given up, by the step before which they run. */
function choose(timeline: Timeline, found: readonly Candidate[], time: number): Map<number, Step[]> {
  const open = new Set(found);
  let chosen: Choice[] = [];
  let left = time;
  let now = timeline.evaluate(chosen);
  for (;;) {
    const { peak, at } = now;
    let best: Candidate | undefined;
    let most = 0;
    for (const c of open) {
      const saved = c.nanoseconds > left ? 0 : timeline.saved(c, at, now);
      if (saved < LEAST_SAVED * peak || saved / c.nanoseconds <= most) continue;
      best = c;
      most = saved / c.nanoseconds;
    }
    if (!best) break;
    open.delete(best);
    const next = timeline.evaluate([...chosen, { ...best, at }]);
    if (next.peak > peak) continue;
    chosen.push({ ...best, at });
    left -= best.nanoseconds;
    now = next;
  }
  // What was chosen before the search got stuck may not lower the peak in the end.
  for (const choice of [...chosen].reverse()) {
    const rest = chosen.filter((c) => c !== choice);
    const without = timeline.evaluate(rest);
    if (without.peak > now.peak) continue;
    chosen = rest;
    now = without;
  }
  return byEnd(chosen, now.gaps);
}

function byEnd(chosen: readonly Choice[], gaps: ReadonlyMap<BufferKey, Gap>): Map<number, Step[]> {
  const result = new Map<number, Step[]>();
  for (const { key, step } of [...chosen].sort((a, b) => a.made - b.made)) {
    const { end } = gaps.get(key)!;
    const list = result.get(end);
    if (list) list.push(step);
    else result.set(end, [step]);
  }
  return result;
}
