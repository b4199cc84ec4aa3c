/** Scratch memory by lifetime: intermediates that do not live at the same time share a slot. */

export interface Lifetime {
  readonly first: number;
  last: number;
  readonly bytes: number;
}

/**
 * Slots (their sizes) and the slot of each lifetime, in the order given. A slot is one buffer, since WebGPU does not
 * let a kernel read and write the same one. Best fit: the smallest free slot that is large enough; else the largest
 * free one grows.
 */
export function assignSlots(lives: readonly Lifetime[], share: boolean): { slots: number[]; slotOf: number[] } {
  const slots: number[] = [];
  const slotOf = new Array<number>(lives.length);
  const busyUntil: number[] = [];
  const order = lives.map((_, i) => i).sort((a, b) => lives[a].first - lives[b].first || lives[b].bytes - lives[a].bytes);
  for (const i of order) {
    const { first, last, bytes } = lives[i];
    let best = -1;
    let largest = -1;
    if (share)
      for (let s = 0; s < slots.length; s++) {
        if (busyUntil[s] >= first) continue;
        if (slots[s] >= bytes && (best < 0 || slots[s] < slots[best])) best = s;
        if (largest < 0 || slots[s] > slots[largest]) largest = s;
      }
    // A slot much larger than the value is better kept for one that needs it.
    if (best >= 0 && slots[best] > 4 * bytes + 65536) best = -1;
    let slot = best >= 0 ? best : slots.length;
    if (best < 0 && largest >= 0 && slots[largest] < bytes && 2 * slots[largest] >= bytes) slot = largest;
    slots[slot] = Math.max(slots[slot] ?? 0, bytes);
    busyUntil[slot] = last;
    slotOf[i] = slot;
  }
  return { slots, slotOf };
}
