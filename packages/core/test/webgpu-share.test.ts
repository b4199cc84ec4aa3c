import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shareSlots } from "../dist/webgpu/share.js";

const slot = fc.record({ bytes: fc.integer({ min: 1, max: 5000 }), first: fc.nat(30), length: fc.nat(10) });

const total = (sizes: readonly number[]): number => sizes.reduce((sum, bytes) => sum + bytes, 0);

describe("shareSlots", () => {
  it("never lets two slots that live together share, and lies between the least possible and no sharing", () => {
    fc.assert(
      fc.property(fc.array(slot, { maxLength: 40 }), (list) => {
        const slots = list.map(({ bytes, first, length }) => ({ bytes, first, last: first + length }));
        const { objects, sizes } = shareSlots(slots);
        slots.forEach((a, i) => {
          expect(a.bytes).toBeLessThanOrEqual(sizes[objects[i]]);
          slots.slice(0, i).forEach((b, j) => {
            if (a.first <= b.last && b.first <= a.last) expect(objects[i]).not.toBe(objects[j]);
          });
        });
        // Each object is as large as its largest slot, and no more.
        sizes.forEach((bytes, o) => {
          expect(bytes).toBe(Math.max(...slots.filter((_, i) => objects[i] === o).map((s) => s.bytes)));
        });
        const alive = (kernel: number): number =>
          total(slots.filter((s) => s.first <= kernel && kernel <= s.last).map((s) => s.bytes));
        const least = Math.max(0, ...slots.map((s) => alive(s.first)));
        expect(total(sizes)).toBeGreaterThanOrEqual(least);
        expect(total(sizes)).toBeLessThanOrEqual(total(slots.map((s) => s.bytes)));
      }),
    );
  });

  it("takes at most three objects for a chain", () => {
    // A slot meets its two neighbours, so one of three objects is free; only the first can hold the largest slot.
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 2, maxLength: 40 }), (bytes) => {
        const { sizes } = shareSlots(bytes.map((b, i) => ({ bytes: b, first: i, last: i + 1 })));
        const [first, second] = [...bytes].sort((a, b) => b - a);
        expect(sizes.length).toBeLessThanOrEqual(3);
        expect(total(sizes)).toBeLessThanOrEqual(first + 2 * second);
      }),
    );
  });

  it("gives the memory of a dead slot to a later one, the smallest that is large enough", () => {
    const { objects, sizes } = shareSlots([
      { bytes: 1024, first: 0, last: 1 },
      { bytes: 512, first: 0, last: 1 },
      { bytes: 500, first: 2, last: 3 },
      { bytes: 600, first: 2, last: 3 },
    ]);
    expect(sizes).toEqual([1024, 512]);
    expect(objects).toEqual([0, 1, 1, 0]);
  });
});
