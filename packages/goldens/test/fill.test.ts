/** The fill against the known answers of the fixtures' FILL.md. */

import { describe, expect, test } from "vitest";
import { fillEntry, fillInput, fnv1a, key } from "../dist/fill.js";

const bits = (value: number): string => new Uint32Array(Float32Array.of(value).buffer)[0].toString(16).padStart(8, "0");

const ENTRIES = [
  {
    name: "conv1.weight",
    shape: [64, 3, 7, 7],
    seed: 1,
    gain: 1,
    hash: "bdcec494",
    stream: "c4229b7c",
    values: ["bcaa3ab7", "3db63899", "3b038200", "be0077e6"],
  },
  {
    name: "bn1.running_var",
    shape: [64],
    seed: 1,
    gain: 1,
    hash: "080a58bf",
    stream: "7bb55d4f",
    values: ["3f85ca53", "3f6efe71", "3f5e2b66", "3f813b52"],
  },
  {
    name: "fc.bias",
    shape: [1000],
    seed: 7,
    gain: 1.3,
    hash: "368b3f85",
    stream: "fd513394",
    values: ["3dc1ae8d", "3d1a06ed", "bd9d5e98", "bb636866"],
  },
  {
    name: "layer1.0.bn1.weight",
    shape: [64],
    seed: 7,
    gain: 1,
    hash: "f69a14c8",
    stream: "92466a2c",
    values: ["3f5606c3", "3f98dfac", "3f6865a0", "3f8b07a2"],
  },
  {
    name: "features.1.0.block.layer_scale",
    shape: [96, 1, 1],
    seed: 1,
    gain: 1,
    hash: "30e4baa8",
    stream: "c82e7e0a",
    values: ["3ea088ea", "3e55c0d7", "3ec8115d", "3e54ffea"],
  },
];

describe("fill", () => {
  test.each(ENTRIES)("$name has the values of FILL.md", ({ name, shape, seed, gain, hash, stream, values }) => {
    expect(fnv1a(name).toString(16).padStart(8, "0")).toBe(hash);
    expect(key(name, seed).toString(16).padStart(8, "0")).toBe(stream);
    const filled = fillEntry(name, shape, { seed, gain })!;
    expect(filled).toHaveLength(shape.reduce((a, b) => a * b, 1));
    expect([filled[0], filled[1], filled[2], filled.at(-1)!].map(bits)).toEqual(values);
  });

  test("the input has the values of FILL.md", () => {
    const input = fillInput({ name: "input", shape: [2, 3, 64, 64] }, 1);
    const picked = [0, 1, 8, 4095, 24575].map((i) => bits(input[i]));
    expect(picked).toEqual(["bf4cdd9f", "bf5bf427", "3e1e874c", "bf863d2b", "bede8c72"]);
  });

  test("overrides multiply the gain of weights, and the centre of scales, whose names end with the suffix", () => {
    const rule = { seed: 1, gain: 2 };
    const overrides: [string, number][] = [
      ["conv.weight", 0.5],
      ["weight", 0.5],
      ["bias", 7],
    ];
    const weight = (name: string, shape: number[], options: { overrides?: [string, number][] }) =>
      fillEntry(name, shape, { ...rule, ...options })!;
    const plain = weight("a.conv.weight", [3, 4], {});
    const scaled = weight("a.conv.weight", [3, 4], { overrides });
    expect(Array.from(scaled)).toEqual(Array.from(plain, (value) => value / 4));
    expect(weight("a.weight", [4], { overrides })[0]).toBeCloseTo(weight("a.weight", [4], {})[0] / 2, 6);
    expect(weight("a.bias", [4], { overrides })).toEqual(weight("a.bias", [4], {}));
  });

  test("counters are zero, index tables keep the model's values, an unknown entry is refused", () => {
    expect(fillEntry("bn1.num_batches_tracked", [], { seed: 1, gain: 1 })).toEqual(Float32Array.of(0));
    expect(fillEntry("attn.relative_position_index", [49, 49], { seed: 1, gain: 1 })).toBeNull();
    expect(() => fillEntry("mystery", [4], { seed: 1, gain: 1 })).toThrow(/no fill rule for mystery/);
  });
});
