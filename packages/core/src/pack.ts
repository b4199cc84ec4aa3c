/** Scratch memory by lifetime: intermediates that do not live at the same time share addresses. */

import type { Slot } from "./kernel.js";

/** What offsets are multiples of. */
const ALIGNMENT = 256;

/** Where a slot lies. */
export interface Place {
  readonly object: number;
  /** In bytes. */
  readonly offset: number;
}

export interface Sharing {
  /** Of each slot. */
  readonly places: readonly Place[];
  /** Bytes of each object. */
  readonly sizes: readonly number[];
}

/** A piece of memory, or a buffer of a device. */
interface SharedObject {
  bytes: number;
  /** Slots in it, by offset. */
  readonly tenants: number[];
}

/**
 * Places slots in few objects. `apart` are pairs that must not lie in one: WebGPU lets a dispatch bind a buffer either
 * readable or writable, so what a dispatch reads and what it writes lie in different ones. A slot of more than `most`
 * bytes lies in several pieces, so it starts an object, which such slots share as a whole.
 *
 * Greedy by size (Pisarchyk & Lee, "Efficient memory management for deep neural net inference", 2020): the largest slot
 * comes first, each into the object that grows least by it, there into the tightest gap between those that it lives
 * together with.
 */
export function shareSlots(slots: readonly Slot[], apart: Iterable<readonly [number, number]>, most: number): Sharing {
  const sizes = slots.map(({ bytes }) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
  const offsets = new Array<number>(slots.length).fill(0);
  const objectOf = new Array<number>(slots.length).fill(-1);
  const neighbours = slots.map(() => new Set<number>());
  for (const [a, b] of apart) {
    neighbours[a].add(b);
    neighbours[b].add(a);
  }
  const objects: SharedObject[] = [];
  const together = (a: Slot, b: Slot): boolean => a.first <= b.last && b.first <= a.last;

  /** The tightest gap for a slot in an object, else its end. */
  const offsetIn = ({ tenants }: SharedObject, i: number): number => {
    let [end, best, tightest] = [0, -1, Infinity];
    for (const j of tenants) {
      if (!together(slots[i], slots[j])) continue;
      const gap = offsets[j] - end;
      if (gap >= sizes[i] && gap < tightest) [best, tightest] = [end, gap];
      end = Math.max(end, offsets[j] + sizes[j]);
    }
    return best >= 0 ? best : end;
  };

  const place = (i: number): void => {
    const forbidden = new Set([...neighbours[i]].map((j) => objectOf[j]));
    let chosen = { object: objects.length, offset: 0, growth: Infinity };
    for (const [o, object] of objects.entries()) {
      if (forbidden.has(o)) continue;
      const offset = offsetIn(object, i);
      const end = offset + sizes[i];
      const growth = Math.max(0, end - object.bytes);
      const fits = end <= most || (offset === 0 && growth === 0);
      if (fits && growth < chosen.growth) chosen = { object: o, offset, growth };
    }
    objects[chosen.object] ??= { bytes: 0, tenants: [] };
    const object = objects[chosen.object];
    object.bytes = Math.max(object.bytes, chosen.offset + sizes[i]);
    objectOf[i] = chosen.object;
    offsets[i] = chosen.offset;
    const at = object.tenants.findIndex((j) => offsets[j] > chosen.offset);
    object.tenants.splice(at < 0 ? object.tenants.length : at, 0, i);
  };

  const order = slots
    .map((_, i) => i)
    .sort((a, b) => slots[b].bytes - slots[a].bytes || slots[a].first - slots[b].first);
  for (const i of order) place(i);
  return {
    places: slots.map((_, i) => ({ object: objectOf[i], offset: offsets[i] })),
    sizes: objects.map(({ bytes }) => bytes),
  };
}

/** Places slots in one piece of memory. */
export function packSlots(slots: readonly Slot[]): { offsets: number[]; bytes: number } {
  const { places, sizes } = shareSlots(slots, [], Infinity);
  return { offsets: places.map(({ offset }) => offset), bytes: sizes[0] ?? 0 };
}
