/** What a list of samples becomes. */

import { fromHost, type Tensor } from "@kindling/core";
import { DataError, defaultCollate } from "@kindling/data";
import { describe, expect, it } from "vitest";

const content = (tensor: Tensor) => [tensor.dtype, [...tensor.shape], [...tensor.hostData()!]];

describe("defaultCollate", () => {
  it("stacks tensors and typed arrays", () => {
    const row = (...values: number[]) => fromHost(Float32Array.from(values), [1, values.length], "float32");
    expect(content(defaultCollate([row(1, 2), row(3, 4)]))).toEqual(["float32", [2, 1, 2], [1, 2, 3, 4]]);
    expect(content(defaultCollate([Uint8Array.of(1, 2), Uint8Array.of(3, 4)]))).toEqual([
      "uint8",
      [2, 2],
      [1, 2, 3, 4],
    ]);
    expect(content(defaultCollate([fromHost(Int32Array.of(5), [], "int32")]))).toEqual(["int32", [1], [5]]);
  });

  it("makes tensors of numbers, booleans and bigints", () => {
    expect(content(defaultCollate([1, 0, 3]))).toEqual(["int32", [3], [1, 0, 3]]);
    expect(content(defaultCollate([1, 0.5]))).toEqual(["float32", [2], [1, 0.5]]);
    expect(content(defaultCollate([1, 2 ** 31]))[0]).toBe("float32");
    expect(content(defaultCollate([true, false]))).toEqual(["bool", [2], [1, 0]]);
    expect(content(defaultCollate([1n, 2n]))).toEqual(["int64", [2], [1n, 2n]]);
  });

  it("keeps the structure of tuples and objects", () => {
    const samples: [number, { name: string; at: [number, number] }][] = [
      [1, { name: "a", at: [1, 2] }],
      [2, { name: "b", at: [3, 4] }],
    ];
    const [labels, { name, at }] = defaultCollate(samples);
    expect(content(labels)[2]).toEqual([1, 2]);
    expect(name).toEqual(["a", "b"]);
    expect(at.map((tensor) => content(tensor)[2])).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  it("says where samples do not fit", () => {
    const picture = (size: number) => [fromHost(new Float32Array(size), [size], "float32"), 0];
    expect(() => defaultCollate([picture(2), picture(3)])).toThrow(
      /sample\[0\].*float32 \[2\], number 1 of the batch is float32 \[3\]/,
    );
    expect(() => defaultCollate([{ a: 1 }, { a: "x" }])).toThrow(/sample\.a.*number 1 of the batch is x/);
    expect(() => defaultCollate([[1], [1, 2]])).toThrow(/has 1 parts, number 1 of the batch has 2/);
    expect(() => defaultCollate([new Date()])).toThrow(/an object of class Date/);
    expect(() => defaultCollate([null])).toThrow(DataError);
    expect(() => defaultCollate([])).toThrow(/empty batch/);
  });
});
