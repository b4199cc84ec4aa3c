/** The curves of any history are a drawing within its frame. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { drawCurves } from "../dist/curves.js";

const loss = fc.double({ min: 0, max: 1e6, noNaN: true });
const histories = fc
  .array(fc.record({ trainLoss: loss, valLoss: loss, valAccuracy: fc.double({ min: 0, max: 1, noNaN: true }) }), {
    maxLength: 40,
  })
  .map((records) => records.map((record, i) => ({ ...record, epoch: i + 1, seconds: 1 })));

test("each epoch is a point of each of the three curves, inside the picture", () => {
  fc.assert(
    fc.property(histories, (history) => {
      const svg = drawCurves(history);
      const curves = [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) =>
        points.split(" ").filter(Boolean),
      );
      expect(curves.map((points) => points.length)).toEqual([history.length, history.length, history.length]);
      for (const [x, y] of curves.flat().map((point) => point.split(",").map(Number))) {
        expect(x).toBeGreaterThanOrEqual(60);
        expect(x).toBeLessThanOrEqual(860);
        expect(y).toBeGreaterThanOrEqual(60);
        expect(y).toBeLessThanOrEqual(290);
      }
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    }),
  );
});

test("a lower loss is drawn lower, and full accuracy at the top", () => {
  const records = [
    { epoch: 1, trainLoss: 2, valLoss: 1, valAccuracy: 0, seconds: 1 },
    { epoch: 2, trainLoss: 1, valLoss: 0.5, valAccuracy: 1, seconds: 1 },
  ];
  const [train, , accuracy] = [...drawCurves(records).matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) =>
    points.split(" ").map((point) => Number(point.split(",")[1])),
  );
  expect(train[1]).toBeGreaterThan(train[0]);
  expect(accuracy).toEqual([290, 60]);
});
