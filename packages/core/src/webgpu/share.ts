/** Memory of intermediates by lifetime: those that do not live at the same time may be one buffer. WebGPU lets a dispatch
 *  bind a buffer either readable or writable, so they share whole buffers, not places in a large one. */

import type { Slot } from "../kernel.js";

export interface Sharing {
  /** Which object holds each slot. */
  readonly objects: readonly number[];
  /** Bytes of each object, the largest first. */
  readonly sizes: readonly number[];
}

/**
 * Gives slots to shared objects. Greedy by size (Pisarchyk & Lee, "Efficient memory management for deep neural net
 * inference", 2020): the largest slot comes first, each into the smallest object that is free while it lives.
 */
export function shareSlots(slots: readonly Slot[]): Sharing {
  const order = slots
    .map((_, i) => i)
    .sort((a, b) => slots[b].bytes - slots[a].bytes || slots[a].first - slots[b].first);
  const objects = new Array<number>(slots.length).fill(0);
  const sizes: number[] = [];
  const tenants: Slot[][] = [];
  for (const i of order) {
    const slot = slots[i];
    // Objects come into being in order of size, and none is smaller than this slot: the last that is free fits best.
    let object = tenants.findLastIndex((list) => list.every((t) => t.last < slot.first || slot.last < t.first));
    if (object < 0) {
      object = sizes.push(slot.bytes) - 1;
      tenants.push([]);
    }
    tenants[object].push(slot);
    objects[i] = object;
  }
  return { objects, sizes };
}
