/** Scratch memory by lifetime: intermediates that do not live at the same time share addresses. */

import type { Slot } from "./kernel.js";

const ALIGNMENT = 256;

/**
 * Places slots in one piece of memory. Greedy by size (Pisarchyk & Lee, "Efficient memory management for deep neural net
 * inference", 2020): the largest come first, each into the tightest gap between those it lives together with.
 */
export function packSlots(slots: readonly Slot[]): { offsets: number[]; bytes: number } {
  const size = (s: Slot): number => Math.ceil(s.bytes / ALIGNMENT) * ALIGNMENT;
  const offsets = new Array<number>(slots.length).fill(0);
  const order = slots
    .map((_, i) => i)
    .sort((a, b) => slots[b].bytes - slots[a].bytes || slots[a].first - slots[b].first);
  /** Placed so far, by offset. */
  const placed: number[] = [];
  let bytes = 0;
  for (const i of order) {
    const need = size(slots[i]);
    let best = -1;
    let tightest = Infinity;
    let end = 0;
    for (const j of placed) {
      if (slots[j].last < slots[i].first || slots[i].last < slots[j].first) continue;
      const gap = offsets[j] - end;
      if (gap >= need && gap < tightest) {
        tightest = gap;
        best = end;
      }
      end = Math.max(end, offsets[j] + size(slots[j]));
    }
    offsets[i] = best >= 0 ? best : end;
    bytes = Math.max(bytes, offsets[i] + need);
    const at = placed.findIndex((j) => offsets[j] > offsets[i]);
    placed.splice(at < 0 ? placed.length : at, 0, i);
  }
  return { offsets, bytes };
}
