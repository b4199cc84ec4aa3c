/** Concatenations whose parts are also read by other parts: a part must not be read where it lies in strides. */

import { cat, fromHost, init, scoped, type Tensor } from "@kindling/core";
import { beforeAll, expect, test } from "vitest";

beforeAll(async () => {
  await init({ device: "cpu" });
});

/** [2, 4] rows of pairs: 0 … 15. */
const numbers = (): Tensor =>
  fromHost(
    Float32Array.from({ length: 16 }, (_, i) => i),
    [2, 4, 2],
    "float32",
  );

const joined = async (make: (v: Tensor) => Tensor[]): Promise<unknown> =>
  scoped(() => cat(make(numbers().add(0)), 1)).toArray();

test("a view of a part is another part", async () => {
  expect(await joined((v) => [v, v.slice(1, 3, 4)])).toEqual([
    [
      [0, 1],
      [2, 3],
      [4, 5],
      [6, 7],
      [6, 7],
    ],
    [
      [8, 9],
      [10, 11],
      [12, 13],
      [14, 15],
      [14, 15],
    ],
  ]);
});

test("a repeated view of a part is another part, before it", async () => {
  expect(await joined((v) => [v.slice(1, 3, 4).expand([2, 2, 2]), v])).toEqual([
    [
      [6, 7],
      [6, 7],
      [0, 1],
      [2, 3],
      [4, 5],
      [6, 7],
    ],
    [
      [14, 15],
      [14, 15],
      [8, 9],
      [10, 11],
      [12, 13],
      [14, 15],
    ],
  ]);
});

test("a part is there twice, and once more in a concatenation of its own", async () => {
  const row = (from: number): number[][] => [0, 2, 4, 6].map((i) => [from + i, from + i + 1]);
  expect(await joined((v) => [v, v])).toEqual([
    [...row(0), ...row(0)],
    [...row(8), ...row(8)],
  ]);
  expect(await joined((v) => [cat([v, v.slice(1, 0, 1)], 1), v])).toEqual([
    [...row(0), [0, 1], ...row(0)],
    [...row(8), [8, 9], ...row(8)],
  ]);
});
