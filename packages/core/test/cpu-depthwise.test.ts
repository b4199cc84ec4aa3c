import { describe, expect, it } from "vitest";
import { printConv } from "../dist/cpu/conv.js";
import { expectSame, randomSplit, runKernel } from "./cpu-templates.js";
import { elementsOf, KINDS, noise, plainConv, type Sizes, square } from "./template-cases.js";

const depthwise = (size: number, taps: number, stride = 1, channels = 3): Sizes =>
  square(size, 1, taps, stride, channels);

/** Each meets other code: tiles, ways to copy rows, bands of a plane, several planes an item. */
const CASES: readonly (readonly [name: string, sizes: Sizes])[] = [
  ["planes narrower than a vector", depthwise(3, 3)],
  ["7×7 planes, several together", depthwise(7, 3, 1, 40)],
  ["8×8 planes, tiles of eight rows", depthwise(8, 5)],
  ["rows that are not whole tiles", depthwise(13, 3)],
  ["7×7 taps", depthwise(14, 7)],
  ["9×9 taps, more than a column has", depthwise(12, 9)],
  ["bands of a large plane", depthwise(75, 3, 1, 2)],
  ["stride 2, even rows", depthwise(14, 3, 2)],
  ["stride 2, odd rows", depthwise(13, 3, 2)],
  ["stride 2, rows too short to be split by vectors", depthwise(7, 5, 2)],
  ["stride 2, bands", depthwise(90, 3, 2, 2)],
  ["stride 3", depthwise(20, 3, 3)],
  ["dilated", { ...depthwise(15, 3), dilation: [2, 2], padding: [2, 2] }],
  ["stride 2 in one direction", { ...depthwise(17, 3), stride: [2, 1] }],
  ["no padding", { ...depthwise(16, 3), padding: [0, 0] }],
];

describe.each(KINDS)("depthwise %s on the cpu device", (kind) => {
  it.each(CASES)("%s: is exact, whatever was in scratch", (_name, sizes) => {
    const kernel = plainConv(kind, sizes);
    expectSame(kernel, printConv(kernel), ["float32", "float32", "float32"], elementsOf(kind, kernel), 5);
  });

  it.each(CASES)("%s: is the same however its tasks are split", (_name, sizes) => {
    const kernel = plainConv(kind, sizes);
    const [a, b, result] = elementsOf(kind, kernel);
    const printed = printConv(kernel);
    const fresh = () => [noise(a), noise(b), new Float32Array(result)];
    const [once, split] = [fresh(), fresh()];
    runKernel(printed, once);
    runKernel(printed, split, [], randomSplit(a));
    expect(split[2]).toEqual(once[2]);
  });

  it("keeps NaN and infinities of one plane out of the others", () => {
    const kernel = plainConv(kind, depthwise(7, 3, 1, 40));
    const [a, b, result] = elementsOf(kind, kernel);
    const input = noise(a)
      .fill(Number.NaN, 0, 49)
      .fill(Infinity, a - 49);
    const buffers = [input, noise(b), new Float32Array(result)];
    runKernel(printConv(kernel), buffers);
    // Of two images with 40 channels, the first plane is of channel 0 and the last of channel 39.
    const size = kind === "conv2dWeightGrad" ? 9 : 49;
    const others = buffers[2].subarray(size, result - size);
    expect(others.every(Number.isFinite)).toBe(true);
  });
});
