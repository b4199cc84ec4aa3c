import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shareSlots } from "../dist/pack.js";

const slot = fc.record({ bytes: fc.integer({ min: 1, max: 5000 }), first: fc.nat(30), length: fc.nat(10) });

const total = (sizes: readonly number[]): number => sizes.reduce((sum, bytes) => sum + bytes, 0);
const rounded = (bytes: number): number => Math.ceil(bytes / 256) * 256;

describe("shareSlots", () => {
  it("keeps slots apart that live together or must be, within bounds", () => {
    const pairs = fc.array(fc.tuple(fc.nat(39), fc.nat(39)), { maxLength: 60 });
    fc.assert(
      fc.property(
        fc.array(slot, { maxLength: 40 }),
        pairs,
        fc.constantFrom(2 ** 11, 2 ** 12, 2 ** 20),
        (list, ab, most) => {
          const slots = list.map(({ bytes, first, length }) => ({ bytes, first, last: first + length }));
          const apart = ab.filter(([a, b]) => a !== b && a < slots.length && b < slots.length);
          const { places, sizes } = shareSlots(slots, apart, most);
          slots.forEach((a, i) => {
            const { object, offset } = places[i];
            expect(offset % 256).toBe(0);
            expect(offset + a.bytes).toBeLessThanOrEqual(sizes[object]);
            // In pieces of `most` bytes, a slot begins where a piece does, or lies within the first.
            if (offset > 0) expect(offset + a.bytes).toBeLessThanOrEqual(most);
            slots.slice(0, i).forEach((b, j) => {
              if (places[j].object !== object || b.last < a.first || a.last < b.first) return;
              expect(offset >= places[j].offset + b.bytes || places[j].offset >= offset + a.bytes).toBe(true);
            });
          });
          for (const [a, b] of apart) expect(places[a].object).not.toBe(places[b].object);
          const alive = (kernel: number): number =>
            total(slots.filter((s) => s.first <= kernel && kernel <= s.last).map((s) => s.bytes));
          expect(total(sizes)).toBeGreaterThanOrEqual(Math.max(0, ...slots.map((s) => alive(s.first))));
          expect(total(sizes)).toBeLessThanOrEqual(total(slots.map((s) => rounded(s.bytes))));
        },
      ),
    );
  });

  it("needs no more than three objects for a chain of kernels", () => {
    // A slot is kept apart from its two neighbours, so one of three is free; only the first holds the largest slot.
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 2, maxLength: 40 }), (bytes) => {
        const apart = bytes.slice(1).map((_, i): [number, number] => [i, i + 1]);
        const { sizes } = shareSlots(
          bytes.map((b, i) => ({ bytes: b, first: i, last: i + 1 })),
          apart,
          2 ** 20,
        );
        const [first, second] = bytes.map(rounded).sort((a, b) => b - a);
        expect(sizes.length).toBeLessThanOrEqual(3);
        expect(total(sizes)).toBeLessThanOrEqual(first + 2 * second);
      }),
    );
  });

  it("puts small slots side by side where a large one was", () => {
    const slots = [
      { bytes: 1024, first: 0, last: 1 },
      { bytes: 512, first: 2, last: 3 },
      { bytes: 500, first: 2, last: 3 },
    ];
    expect(shareSlots(slots, [], 4096)).toEqual({
      places: [
        { object: 0, offset: 0 },
        { object: 0, offset: 0 },
        { object: 0, offset: 512 },
      ],
      sizes: [1024],
    });
    expect(shareSlots(slots, [[1, 2]], 4096).sizes).toEqual([1024, 512]);
  });
});
