import { describe, expect, it } from "vitest";
import { floatToHalf, halfToFloat } from "../dist/cpu/half.js";
import * as math from "../dist/cpu/math.js";
import { type FunctionBuilder, i32, type Value, v128, WasmModule } from "../dist/cpu/wasm/index.js";
import { float16ToNumber, numberToFloat16 } from "../dist/float16.js";
import { erf as erf64, pow as pow64 } from "../dist/testing/interpret-expr.js";

type Lanes = Value<"v128">;
type Printed = (f: FunctionBuilder, ...x: Lanes[]) => Lanes;

/** Runs a printed function over arrays of one length, a multiple of 4. */
function run(print: Printed, ...inputs: (Float32Array | Uint32Array)[]): Float32Array {
  const n = inputs[0].length;
  const memory = new WebAssembly.Memory({ initial: Math.ceil(((inputs.length + 1) * n * 4) / 65536) });
  const m = new WasmModule({ shared: false });
  m.func("run", [], "void", (f) => {
    f.for(0, n * 4, 16, (at) => {
      const x = inputs.map((_, i) => f.let(v128.load(i32.add(at, i * n * 4))));
      f.store("v128", i32.add(at, inputs.length * n * 4), print(f, ...x));
    });
  });
  inputs.forEach((x, i) => {
    new Uint32Array(memory.buffer, i * n * 4, n).set(new Uint32Array(x.buffer, x.byteOffset, n));
  });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.bytes()), { env: { memory } });
  (exports.run as () => void)();
  return new Float32Array(memory.buffer, inputs.length * n * 4, n);
}

const bits = new DataView(new ArrayBuffer(4));

/** The distance between neighbouring f32 numbers at `x`. */
function ulp(x: number): number {
  bits.setFloat32(0, Math.min(Math.abs(x), 3.4e38));
  const exponent = Math.max(bits.getUint32(0) >>> 23, 1);
  return 2 ** (exponent - 150);
}

/** The largest error in ulp where the true value is finite; elsewhere, and for NaN, the values must be the same. */
function worst(got: Float32Array, truth: (i: number) => number): { ulps: number; at: number } {
  let [ulps, at] = [0, -1];
  for (let i = 0; i < got.length; i++) {
    const expected = truth(i);
    const rounded = Math.fround(expected);
    const error = Object.is(got[i], rounded) ? 0 : Math.abs(got[i] - expected) / ulp(expected);
    if (!(error <= ulps)) [ulps, at] = [Number.isNaN(error) ? Infinity : error, i];
  }
  return { ulps, at };
}

/** Numbers of both signs spread evenly over the bit patterns from `low` to `high`, and the special ones. */
function sweep(low: number, high: number, count = 200_000): Float32Array {
  bits.setFloat32(0, low);
  const from = bits.getUint32(0);
  bits.setFloat32(0, high);
  const to = bits.getUint32(0);
  const out = new Float32Array(count);
  const words = new Uint32Array(out.buffer);
  for (let i = 0; i < count; i++) words[i] = from + Math.floor(((to - from) * i) / count) + (i & 1 ? 0x80000000 : 0);
  const special = [0, -0, 1, -1, Infinity, -Infinity, Number.NaN, 2 ** -149, -(2 ** -149), 2 ** -126, 3.4e38, -3.4e38];
  out.set(special.filter((x) => !(Math.abs(x) < Infinity) || Math.abs(x) <= high));
  return out;
}

const linear = (low: number, high: number, count = 200_000): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => low + ((high - low) * i) / count);

describe("elementary functions", () => {
  const table: [string, Printed, (x: number) => number, Float32Array[], number][] = [
    ["exp", math.exp, Math.exp, [sweep(1e-10, 1e3), linear(-104, 89)], 1.1],
    ["expm1", math.expm1, Math.expm1, [sweep(1e-40, 1e3), linear(-20, 89), linear(-1, 1)], 1.7],
    ["log", math.log, Math.log, [sweep(1e-45, 3e38), linear(0.4, 2.5)], 0.9],
    ["log1p", math.log1p, Math.log1p, [sweep(1e-40, 3e38), linear(-0.99999, 2)], 1.2],
    ["sin", math.sin, Math.sin, [sweep(1e-40, 4e8), linear(-1e4, 1e4)], 1.5],
    ["cos", math.cos, Math.cos, [sweep(1e-40, 4e8), linear(-1e4, 1e4)], 1.5],
    ["tanh", math.tanh, Math.tanh, [sweep(1e-40, 1e2), linear(-10, 10)], 1.3],
    ["erf", math.erf, erf64, [sweep(1e-40, 1e2), linear(-4.5, 4.5)], 1.5],
  ];
  for (const [name, print, truth, inputs, bound] of table) {
    it(`${name} is within ${bound} ulp`, () => {
      for (const x of inputs) {
        const { ulps, at } = worst(run(print, x), (i) => truth(x[i]));
        expect(ulps, `${name}(${x[at]})`).toBeLessThanOrEqual(bound);
      }
    });
  }

  it("pow is within 0.8 ulp, and right in C's special cases", () => {
    const special = [
      0,
      -0,
      1,
      -1,
      2,
      -2,
      3,
      -3,
      0.5,
      -0.5,
      2.5,
      Infinity,
      -Infinity,
      Number.NaN,
      2 ** -140,
      1e9,
      -16777217,
      -16777215,
    ];
    const x = Float32Array.from({ length: special.length ** 2 }, (_, i) => special[i % special.length]);
    const y = x.map((_, i) => special[Math.floor(i / special.length)]);
    const exact = worst(run(math.pow, x, y), (i) => pow64(x[i], y[i]));
    expect(exact.ulps, `pow(${x[exact.at]}, ${y[exact.at]})`).toBeLessThanOrEqual(0.8);
    const bases = sweep(1e-40, 3e38).map(Math.abs);
    const exponents = bases.map((b, i) =>
      Math.fround(((i % 1999) / 1000 - 1) * Math.min(20, 88 / Math.abs(Math.log(b) || 1))),
    );
    const { ulps, at } = worst(run(math.pow, bases, exponents), (i) => pow64(bases[i], exponents[i]));
    expect(ulps, `pow(${bases[at]}, ${exponents[at]})`).toBeLessThanOrEqual(0.8);
  });
});

describe("float16 lanes", () => {
  it("converts every half to float, and back", () => {
    const halves = Uint32Array.from({ length: 65536 }, (_, i) => i);
    const floats = run(halfToFloat, halves);
    expect(worst(floats, (i) => float16ToNumber(i)).ulps).toBe(0);
    const back = new Uint32Array(run(floatToHalf, floats.slice()).slice().buffer);
    const wrong = back.findIndex((b, i) => (Number.isNaN(floats[i]) ? !Number.isNaN(float16ToNumber(b)) : b !== i));
    expect(wrong).toBe(-1);
  });

  it("rounds floats to the nearest half", () => {
    const x = sweep(1e-9, 1e6);
    const got = new Uint32Array(run(floatToHalf, x).slice().buffer);
    expect(got.findIndex((b, i) => b !== numberToFloat16(x[i]) && !Number.isNaN(x[i]))).toBe(-1);
  });
});
