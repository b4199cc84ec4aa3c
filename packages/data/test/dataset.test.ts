/** Data sets made of others. */

import { ArgumentError, fromHost } from "@kindling/core";
import { ConcatDataset, type Dataset, randomSplit, type SampleContext, Subset, TensorDataset } from "@kindling/data";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const numbers = (...values: number[]): Dataset<number> => ({ length: values.length, get: (index) => values[index] });
const all = <T>(dataset: Dataset<T>) => Array.from({ length: dataset.length }, (_, i) => dataset.get(i));

describe("TensorDataset", () => {
  it("gives rows of its tensors", () => {
    const pictures = fromHost(Float32Array.from([1, 2, 3, 4, 5, 6]), [3, 2], "float32");
    const labels = fromHost(Int32Array.from([7, 8, 9]), [3], "int32");
    const [row, label] = new TensorDataset(pictures, labels).get(1);
    expect([row.shape, [...row.hostData()!]]).toEqual([[2], [3, 4]]);
    expect([label.shape, label.dtype, [...label.hostData()!]]).toEqual([[], "int32", [8]]);
  });

  it("refuses tensors of different lengths, and indices outside", () => {
    const a = fromHost(new Float32Array(3), [3], "float32");
    const b = fromHost(new Float32Array(2), [2], "float32");
    expect(() => new TensorDataset(a, b)).toThrow(/\[3\], \[2\]; expected the same size/);
    expect(() => new TensorDataset(a).get(3)).toThrow(/index 3 is outside the data set of 3/);
  });
});

describe("Subset and ConcatDataset", () => {
  it("map indices", () => {
    const joined = new ConcatDataset([numbers(1, 2), numbers(), numbers(3)]);
    expect(all(joined)).toEqual([1, 2, 3]);
    expect(all(new Subset(joined, [2, 0, 2]))).toEqual([3, 1, 3]);
    expect(() => new Subset(joined, [3])).toThrow(ArgumentError);
    expect(() => joined.get(-1)).toThrow(/index -1/);
  });

  it("pass the context on unchanged", () => {
    const seen: (SampleContext | undefined)[] = [];
    const spy: Dataset<number> = { length: 5, get: (_, context) => seen.push(context) };
    const context = { epoch: 3, index: 1 } as SampleContext;
    new Subset(new ConcatDataset([numbers(0), spy]), [0, 4]).get(1, context);
    expect(seen).toEqual([context]);
  });
});

describe("randomSplit", () => {
  it("gives parts of the asked lengths without overlap, the same for the same seed", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }), fc.nat(), (lengths, seed) => {
        const total = lengths.reduce((a, b) => a + b, 0);
        const dataset = numbers(...Array.from({ length: total }, (_, i) => i));
        const parts = randomSplit(dataset, lengths, seed).map(all);
        expect(parts.map((part) => part.length)).toEqual(lengths);
        expect(new Set(parts.flat()).size).toBe(total);
        expect(randomSplit(dataset, lengths, seed).map(all)).toEqual(parts);
      }),
    );
  });

  it("takes fractions, and hands out what rounding leaves", () => {
    const lengths = (total: number, parts: number[]) =>
      randomSplit(numbers(...new Array(total).fill(0)), parts).map((part) => part.length);
    expect(lengths(10, [0.7, 0.3])).toEqual([7, 3]);
    expect(lengths(11, [0.5, 0.25, 0.25])).toEqual([6, 3, 2]);
    expect(() => lengths(10, [0.5, 0.4])).toThrow(/sum to 10, or fractions that sum to 1/);
    expect(() => lengths(10, [5, 4])).toThrow(ArgumentError);
  });
});
