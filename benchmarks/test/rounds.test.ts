// Rounds: medians of all, and no figure of a peer that computed something else.

import { expect, test } from "vitest";
import { checkResults, combine, type Round } from "../dist/rounds.js";

const round = (ourMs: number, theirMs: number | undefined, theirCheck = "abc"): Round => ({
  ours: [
    { name: "load", ms: ourMs, check: "abc", kernels: 0, peakBytes: 0 },
    { name: "matmul", ms: 2 * ourMs, gflops: 100 / ourMs, kernels: 1, peakBytes: 8 },
  ],
  peers: [
    {
      peer: "a peer",
      ms: new Map(theirMs === undefined ? [] : [["load", theirMs]]),
      checks: new Map([["load", theirCheck]]),
      notes: [],
    },
  ],
});

test("the figures of several rounds are their medians", () => {
  const { ours, peers } = combine([round(10, 5), round(20, 7), round(12, 6)]);
  expect(ours.map(({ ms }) => ms)).toEqual([12, 24]);
  expect(ours[1].gflops).toBeCloseTo(100 / 12);
  expect([...peers[0].ms]).toEqual([["load", 6]]);
});

test("a peer that failed in one round keeps the figures of the others", () => {
  expect([...combine([round(10, undefined), round(20, 7)]).peers[0].ms]).toEqual([["load", 7]]);
});

test("another result of a peer is an error", () => {
  expect(() => checkResults(round(1, 1))).not.toThrow();
  expect(() => checkResults(round(1, 1, "abd"))).toThrow("load: a peer has another result (abd) than we (abc)");
});
