import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packSlots } from "../dist/pack.js";

const slot = fc.record({ bytes: fc.integer({ min: 1, max: 5000 }), first: fc.nat(30), length: fc.nat(10) });

describe("packSlots", () => {
  it("never lets two slots that live together overlap, and stays within the sum", () => {
    fc.assert(
      fc.property(fc.array(slot, { maxLength: 40 }), (list) => {
        const slots = list.map(({ bytes, first, length }) => ({ bytes, first, last: first + length }));
        const { offsets, bytes } = packSlots(slots);
        slots.forEach((a, i) => {
          expect(offsets[i] % 256).toBe(0);
          expect(offsets[i] + a.bytes).toBeLessThanOrEqual(bytes);
          slots.slice(0, i).forEach((b, j) => {
            const together = a.first <= b.last && b.first <= a.last;
            if (together) expect(offsets[i] >= offsets[j] + b.bytes || offsets[j] >= offsets[i] + a.bytes).toBe(true);
          });
        });
        expect(bytes).toBeLessThanOrEqual(slots.reduce((n, s) => n + Math.ceil(s.bytes / 256) * 256, 0));
      }),
    );
  });

  it("gives the memory of a dead slot to a later one", () => {
    const { bytes } = packSlots([
      { bytes: 1024, first: 0, last: 1 },
      { bytes: 1024, first: 2, last: 3 },
      { bytes: 512, first: 1, last: 2 },
    ]);
    expect(bytes).toBe(1536);
  });
});
