/** When scratch is alive over the steps of a plan, and what becomes of that if some of it is given up for a while. */

import type { Step } from "./finish.js";
import type { BufferKey } from "./placement.js";
import type { Candidate, Choice } from "./recompute.js";

/** Steps around which a value is not in memory: its last use before and its first use after. */
export interface Gap {
  readonly start: number;
  readonly end: number;
}

/** What a set of choices leads to. */
export interface Outcome {
  /** Most bytes alive at once, and the first step where. */
  readonly peak: number;
  readonly at: number;
  /** Of what is given up. */
  readonly gaps: ReadonlyMap<BufferKey, Gap>;
  /** Steps that touch a buffer, in order; those before which it is read to compute something again are among them. */
  readonly touched: ReadonlyMap<BufferKey, readonly number[]>;
}

export class Timeline {
  private readonly touched = new Map<BufferKey, number[]>();

  constructor(
    private readonly steps: readonly Step[],
    private readonly sizes: ReadonlyMap<BufferKey, number>,
  ) {
    steps.forEach(({ keys }, i) => {
      for (const key of keys) {
        if (key[0] !== "t") continue;
        const times = this.touched.get(key);
        if (times) times.push(i);
        else this.touched.set(key, [i]);
      }
    });
  }

  /** The step that makes a buffer; before all others for what outlives the plan. */
  first(key: BufferKey): number {
    return this.touched.get(key)?.[0] ?? -1;
  }

  /** The last step that touches a buffer. */
  last(key: BufferKey): number {
    return this.touched.get(key)?.at(-1) ?? -1;
  }

  /** Whether a buffer is ever kept over a step that does not touch it. */
  rests(key: BufferKey): boolean {
    return (this.touched.get(key) ?? []).some((t, i, times) => i > 0 && t > times[i - 1] + 1);
  }

  evaluate(choices: readonly Choice[]): Outcome {
    const touched = new Map<BufferKey, readonly number[]>(this.touched);
    const gaps = new Map<BufferKey, Gap>();
    // What is made from others that are given up says when those are wanted again.
    for (const { key, at, step } of [...choices].sort((a, b) => b.made - a.made)) {
      const gap = gapAround(touched.get(key)!, at)!;
      gaps.set(key, gap);
      for (const input of step.keys) if (input[0] === "t" && input !== key) touch(touched, input, gap.end);
    }
    return { ...this.peak(touched, gaps), gaps, touched };
  }

  /** Bytes that giving up a value saves at step `at`. */
  saved({ key, bytes, step }: Candidate, at: number, { touched, gaps }: Outcome): number {
    const gap = gapAround(touched.get(key)!, at);
    if (!gap) return 0;
    // What would have died before has to be kept.
    const kept = (input: BufferKey): number =>
      input !== key && !gaps.has(input) && touched.get(input)!.at(-1)! < at ? this.sizes.get(input)! : 0;
    return step.keys.reduce((left, input) => left - (input[0] === "t" ? kept(input) : 0), bytes);
  }

  private peak(
    touched: ReadonlyMap<BufferKey, readonly number[]>,
    gaps: ReadonlyMap<BufferKey, Gap>,
  ): { peak: number; at: number } {
    const change = new Float64Array(this.steps.length + 1);
    for (const [key, times] of touched) {
      const bytes = this.sizes.get(key) ?? 0;
      change[times[0]] += bytes;
      change[times[times.length - 1] + 1] -= bytes;
      const gap = gaps.get(key);
      if (!gap) continue;
      change[gap.start + 1] -= bytes;
      change[gap.end] += bytes;
    }
    let live = 0;
    let peak = 0;
    let at = 0;
    for (let i = 0; i < this.steps.length; i++) {
      live += change[i];
      if (live <= peak) continue;
      peak = live;
      at = i;
    }
    return { peak, at };
  }
}

/** The gap between two neighbouring uses with step `at` inside. */
function gapAround(times: readonly number[], at: number): Gap | undefined {
  const next = times.findIndex((t) => t >= at);
  return next > 0 && times[next] > at ? { start: times[next - 1], end: times[next] } : undefined;
}

/** Adds a use, in order. */
function touch(touched: Map<BufferKey, readonly number[]>, key: BufferKey, at: number): void {
  const times = touched.get(key)!;
  const next = times.findIndex((t) => t >= at);
  if (next < 0) touched.set(key, [...times, at]);
  else if (times[next] !== at) touched.set(key, [...times.slice(0, next), at, ...times.slice(next)]);
}
