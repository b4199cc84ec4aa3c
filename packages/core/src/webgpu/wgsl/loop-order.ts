/**
 * The order of a loop kernel's dimensions. Neighbouring invocations take neighbouring positions of the last dimension,
 * and a GPU joins what they touch into few transfers where the addresses are neighbours too.
 */

import type { Access, LoopKernel } from "../../kernel.js";
import { dimensions, mergeDims, selectDims, simplifyLoop } from "../../loop-merge.js";
import { numelOf } from "../../node.js";
import { loadedSources } from "./loop-uses.js";

export interface OrderedLoop {
  readonly kernel: LoopKernel;
  /** Whether neighbouring invocations should take neighbouring rows, not neighbouring inner positions of one row. */
  readonly rowsFast: boolean;
}

/** Invocations whose accesses are joined. */
const NEIGHBOURS = 32;

/** Transfers that an access of neighbouring invocations takes, against one where they are the same or neighbours. */
const transfers = (stride: number): number => (stride === 0 ? 0.25 : Math.min(Math.abs(stride), 8));

/** Every access, and how much it counts: once a point or once a row, and stores about twice as much as loads. */
function accessesOf(kernel: LoopKernel): { access: Access; weight: number }[] {
  const points = Math.max(1, numelOf(kernel.inner));
  return kernel.stages.flatMap((stage) => {
    const weight = stage.kind === "store" && stage.per === "row" ? 1 / points : 1;
    const loads = [...loadedSources([stage.value])].map((s) => ({ access: kernel.sources[s], weight }));
    return stage.kind === "store" ? [...loads, { access: stage.target, weight: 2 * weight }] : loads;
  });
}

/** The kernel simplified, with the dimension along which neighbouring invocations run the last of its group. */
export function orderLoop(kernel: LoopKernel): OrderedLoop {
  const simple = simplifyLoop(kernel);
  const sizes = [...simple.rows, ...simple.inner];
  const accesses = accessesOf(simple);
  const cost = (d: number): number => {
    // Along a short dimension few invocations are neighbours.
    const joined = Math.min(1, sizes[d] / NEIGHBOURS);
    return accesses.reduce((sum, { access, weight }) => {
      return sum + weight * (joined * transfers(access.strides[d]) + (1 - joined) * transfers(NEIGHBOURS));
    }, 0);
  };
  const reach = (d: number): number =>
    accesses.reduce((sum, { access, weight }) => sum + weight * Math.abs(access.strides[d]), 0);
  const { rows, inner } = dimensions(simple);
  const order = (dims: readonly number[]): number[] => {
    const sorted = [...dims].sort((d, e) => reach(e) - reach(d));
    const fastest = cheapest(sorted, cost);
    return sorted.filter((d) => d !== fastest).concat(dims.filter((d) => d === fastest));
  };
  const least = (dims: readonly number[]): number => Math.min(...dims.map(cost));
  const ordered = mergeDims(selectDims(simple, order(rows), order(inner)));
  return { kernel: ordered, rowsFast: least(rows) < least(inner) };
}

/** The dimension of the least cost; the last of equals. */
const cheapest = (dims: readonly number[], cost: (d: number) => number): number | undefined =>
  dims.reduce<number | undefined>((best, d) => (best !== undefined && cost(best) < cost(d) ? best : d), undefined);
