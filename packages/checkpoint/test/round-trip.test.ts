/** What is saved is what is loaded: all dtypes, nested values, any keys; and equal values give equal bytes. */

import {
  CheckpointError,
  Complex,
  FrozenSet,
  load,
  OrderedDict,
  PythonObject,
  type PythonValue,
  size,
  TorchDevice,
  TorchDtype,
  Tuple,
  toBytes,
  tuple,
} from "@kindling/checkpoint";
import { type DType, dtypeInfo, fromHost, isFloat, type Tensor } from "@kindling/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeValue, elementsOf } from "./described.js";

const DTYPES: readonly DType[] = [
  "float32",
  "float16",
  "int32",
  "uint8",
  "float64",
  "bfloat16",
  "int64",
  "int16",
  "int8",
  "uint16",
  "uint32",
  "uint64",
  "complex32",
  "complex64",
  "complex128",
  "float8_e4m3fn",
  "float8_e5m2",
];

/** A tensor of any dtype and shape, of any bits (NaNs with payloads among them). */
const tensors: fc.Arbitrary<Tensor> = fc
  .record({
    dtype: fc.constantFrom(...DTYPES),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
    seed: fc.uint8Array({ minLength: 1, maxLength: 64 }),
    requiresGrad: fc.boolean(),
  })
  .map(({ dtype, shape, seed, requiresGrad }) => {
    const { array, bytes, entries } = dtypeInfo(dtype);
    const length = shape.reduce((a, b) => a * b, 1);
    const raw = Uint8Array.from({ length: length * bytes }, (_, i) => seed[i % seed.length] ^ i);
    const tensor = fromHost(new array(raw.buffer, 0, length * entries), shape, dtype);
    return requiresGrad && isFloat(dtype) ? tensor.requiresGrad_() : tensor;
  });

const keys = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("__proto__", "constructor", "toString", "hasOwnProperty", ""),
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.constant(null),
);

const leaves: fc.Arbitrary<PythonValue> = fc.oneof(
  keys,
  fc.double(),
  fc.bigInt(),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  fc.uint8Array(),
  tensors,
  fc.tuple(fc.double(), fc.double()).map(([re, im]) => new Complex(re, im)),
  fc.array(fc.nat()).map((dims) => size(dims)),
  fc.constantFrom(new TorchDtype("float16"), new TorchDevice("cpu"), new TorchDevice("cuda", 1)),
  fc.uniqueArray(fc.integer()).map((items) => new Set(items)),
  fc.uniqueArray(fc.string()).map((items) => new FrozenSet(items)),
);

const values: fc.Arbitrary<PythonValue> = fc.letrec<{ value: PythonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaves,
    fc.array(tie("value"), { maxLength: 6 }),
    fc.array(tie("value"), { maxLength: 6 }).map((items) => tuple(items)),
    fc.array(fc.tuple(keys, tie("value")), { maxLength: 6 }).map((items) => new Map(items)),
    fc.array(fc.tuple(keys, tie("value")), { maxLength: 6 }).map((items) => {
      const dict = new OrderedDict(items);
      dict.metadata = new Map([["", new Map([["version", 1]])]]);
      return dict;
    }),
    fc
      .array(fc.tuple(fc.string(), tie("value")), { maxLength: 3 })
      .map((items) => new PythonObject("argparse.Namespace", new Map(items))),
  ),
})).value;

/** Bigints that fit are loaded as numbers: the one change that a round trip makes. */
const roundTripped = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, item: unknown) => (Object.is(item, -0) ? "-0" : item)),
    (_, item: unknown) => {
      if (typeof item !== "object" || item === null || !("t" in item) || item.t !== "int") return item;
      const { v } = item as unknown as { v: unknown };
      return { t: "int", v: String(v) };
    },
  );

/** A `Map` of names to tensors comes back as an `OrderedDict` of detached tensors. */
const asStateDicts = (described: unknown): unknown =>
  JSON.parse(JSON.stringify(described), (_, item: unknown) => {
    if (typeof item !== "object" || item === null || !("t" in item) || item.t !== "dict") return item;
    const { items } = item as unknown as { items: { t: string; requires_grad?: boolean }[][] };
    const isState = items.length > 0 && items.every(([key, value]) => key.t === "str" && value.t === "tensor");
    if (!isState) return item;
    return { t: "ordereddict", items: items.map(([key, { requires_grad, ...value }]) => [key, value]) };
  });

describe("save → load", () => {
  it("is the identity", async () => {
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const loaded = await load(await toBytes(value));
        expect(roundTripped(describeValue(loaded))).toEqual(asStateDicts(roundTripped(describeValue(value))));
      }),
      { numRuns: 400 },
    );
  });

  it("keeps the bits of every dtype", async () => {
    await fc.assert(
      fc.asyncProperty(tensors, async (tensor) => {
        const loaded = (await load(await toBytes(tensor))) as Tensor;
        expect(describeValue(loaded)).toEqual(describeValue(tensor));
        expect(elementsOf(loaded)).toStrictEqual(elementsOf(tensor));
      }),
      { numRuns: 300 },
    );
  });

  it("gives equal bytes for equal values", async () => {
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const once = await toBytes(value);
        expect(await toBytes(value)).toEqual(once);
        const again = await toBytes(await load(once));
        expect(await toBytes(await load(again))).toEqual(again);
      }),
      { numRuns: 100 },
    );
  });

  it("keeps num_batches_tracked as int64 without dimensions", async () => {
    const counter = fromHost(BigInt64Array.of(2n ** 60n + 1n), [], "int64");
    const loaded = (await load(await toBytes(new Map([["bn.num_batches_tracked", counter]])))) as Map<string, Tensor>;
    expect(loaded).toBeInstanceOf(OrderedDict);
    expect(describeValue(loaded.get("bn.num_batches_tracked"))).toEqual(describeValue(counter));
  });

  it("saves the value of a tensor that is yet to be computed", async () => {
    const sum = fromHost(Float32Array.of(1, 2), [2]).add(fromHost(Float32Array.of(10, 20), [2]));
    const loaded = (await load(await toBytes({ sum }))) as Map<string, Tensor>;
    expect(loaded.get("sum")?.hostData()).toEqual(Float32Array.of(11, 22));
  });

  it("saves the parameters of a state dict detached, as torch does, and other tensors as they are", async () => {
    const [weight, bias] = [1, 2].map((value) => fromHost(Float32Array.of(value), [1]).requiresGrad_());
    const model = new Map(Object.entries({ weight, bias }));
    const loaded = (await load(await toBytes({ model }))) as Map<string, Map<string, Tensor>>;
    const state = loaded.get("model") as Map<string, Tensor>;
    expect([...state.values()].map((tensor) => tensor.requiresGrad)).toEqual([false, false]);
    expect(((await load(await toBytes(weight))) as Tensor).requiresGrad).toBe(true);
  });

  it("saves a dict of tensors that was loaded from a dict as a dict, and plain objects as dicts", async () => {
    const weight = fromHost(Float32Array.of(1), [1], "float32");
    const once = (await load(await toBytes({ model: { weight }, epoch: 3 }))) as Map<string, PythonValue>;
    expect(once.get("model")).not.toBeInstanceOf(OrderedDict);
    const twice = (await load(await toBytes(once))) as Map<string, PythonValue>;
    expect(twice.get("model")).not.toBeInstanceOf(OrderedDict);
    expect(twice.get("epoch")).toBe(3);
  });

  it("writes a tensor object that occurs twice once, and loads it as one", async () => {
    const weight = fromHost(new Float32Array(256).fill(2), [256], "float32");
    const bytes = await toBytes(
      new Map([
        ["encoder", weight],
        ["decoder", weight],
      ]),
    );
    expect(bytes.length).toBeLessThan(2 * 1024);
    const loaded = (await load(bytes)) as Map<string, Tensor>;
    expect(loaded.get("encoder")).toBe(loaded.get("decoder"));
    expect(describeValue(loaded.get("encoder"))).toEqual(describeValue(weight));
  });

  it("writes a reference for what occurs twice, and for nothing else", async () => {
    const attributes = new Map<PythonValue, PythonValue>([["lr", 0.1]]);
    const namespace = new PythonObject("argparse.Namespace", attributes);
    const dict = new Map([[1, 2]]);
    const value = [
      new OrderedDict([["a", 1]]),
      "collections\nOrderedDict",
      namespace,
      attributes,
      namespace,
      dict,
      dict,
    ];
    const loaded = (await load(await toBytes(value))) as PythonValue[];
    expect(describeValue(loaded)).toEqual(describeValue(value));
    expect(loaded[4]).toBe(loaded[2]);
    expect(loaded[6]).toBe(loaded[5]);
  });

  it("keeps long lists and dicts in order, across CPython's batches of 1000", async () => {
    for (const count of [999, 1000, 1001, 2001]) {
      const list = Array.from({ length: count }, (_, i) => i);
      const dict = new Map(list.map((i): [number, number] => [i, -i]));
      expect(await load(await toBytes([list, dict]))).toEqual([list, dict]);
    }
  });

  it("gives plain arrays out of the methods of a tuple", async () => {
    const loaded = (await load(await toBytes(tuple([1, 2, 3])))) as Tuple<number>;
    expect(loaded).toBeInstanceOf(Tuple);
    expect(loaded.map((item) => item + 1)).toStrictEqual([2, 3, 4]);
  });
});

describe("values that cannot be saved", () => {
  const refused = async (value: unknown, kind: string, words: string): Promise<void> => {
    const error: unknown = await toBytes(value).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({ kind, message: expect.stringContaining(words) });
  };

  it("are refused with the path to them", async () => {
    await refused({ a: [1, { b: () => 1 }] }, "unsupported", "a function cannot be saved (at a.1.b)");
    await refused([Symbol("x")], "unsupported", "a symbol");
    await refused({ when: new Date(0) }, "unsupported", "a Date");
    await refused({ raw: new Float32Array(2) }, "unsupported", "a Float32Array");
    await refused(new PythonObject("os.system"), "unsupported", "os.system");
  });

  it("are refused when they contain themselves or are nested too deep", async () => {
    const cyclic: PythonValue[] = [];
    cyclic.push([cyclic]);
    await refused(cyclic, "cycle", "contains itself");
    let deep: PythonValue = [];
    for (let i = 0; i < 100_000; i++) deep = [deep];
    await refused(deep, "depth", "nested");
  });
});
