/** Gradient clipping. */

import { init, tensor } from "@kindling/core";
import { Parameter, utils } from "@kindling/nn";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => init({ threads: 1 }));

const withGradients = (...lists: number[][]): Parameter[] =>
  lists.map((values) => {
    const p = new Parameter(tensor(values.map(() => 0)));
    p.mul(tensor(values)).sum().backward();
    return p;
  });

describe("clipGradNorm_", () => {
  it("scales all gradients to a common norm, and returns what it was", async () => {
    const [a, b, still] = [...withGradients([3, 0], [0, 4]), new Parameter(tensor([1]))];
    expect(await utils.clipGradNorm_([a, b, still], 1)!.item()).toBeCloseTo(5, 5);
    for (const [p, want] of [
      [a, [0.6, 0]],
      [b, [0, 0.8]],
    ] as const) {
      const got = await p.grad!.data();
      want.forEach((v, i) => {
        expect(got[i]).toBeCloseTo(v, 5);
      });
    }
    expect(still.grad).toBeNull();
  });

  it("leaves small gradients alone, knows other norms, and takes one tensor", async () => {
    const [p] = withGradients([0.5, -0.25]);
    expect(await utils.clipGradNorm_(p, 1)!.item()).toBeCloseTo(Math.hypot(0.5, 0.25), 6);
    expect(await p.grad!.toArray()).toEqual([0.5, -0.25]);
    expect(await utils.clipGradNorm_(p, 9, { normType: 1 })!.item()).toBeCloseTo(0.75, 6);
    expect(await utils.clipGradNorm_(p, 0.25, { normType: Number.POSITIVE_INFINITY })!.item()).toBeCloseTo(0.5, 6);
    expect((await p.grad!.data())[0]).toBeCloseTo(0.25, 5);
    expect(utils.clipGradNorm_([new Parameter(tensor([1]))], 1)).toBeNull();
  });
});

describe("clipGradValue_", () => {
  it("cuts every element", async () => {
    const [p] = withGradients([3, -0.5, -7]);
    utils.clipGradValue_([p], 1);
    expect(await p.grad!.toArray()).toEqual([1, -0.5, -1]);
  });
});
