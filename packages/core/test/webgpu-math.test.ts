import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { float16ToNumber, numberToFloat16 } from "../dist/float16.js";
import { erf, pow, roundHalfEven } from "../dist/testing/interpret-expr.js";
import { MATH, type MathName } from "../dist/webgpu/wgsl/math.js";
import { WgslRunner } from "./wgsl-run.js";

let runner: WgslRunner;
beforeAll(async () => {
  runner = await WgslRunner.open();
});
afterAll(() => runner?.close());

/** The definitions of a function and of all that it calls. */
function definitions(name: MathName, seen = new Set<MathName>()): string {
  if (seen.has(name)) return "";
  seen.add(name);
  return MATH[name].uses.map((used) => definitions(used, seen)).join("") + MATH[name].text;
}

const bits = new DataView(new ArrayBuffer(4));
const toBits = (x: number): number => {
  bits.setFloat32(0, x);
  return bits.getUint32(0);
};

/** The distance between neighbouring f32 numbers at `x`. */
const ulp = (x: number): number => 2 ** (Math.max(toBits(Math.min(Math.abs(x), 3.4e38)) >>> 23, 1) - 150);

const isBelow = (x: number, limit: number): boolean => x !== 0 && Math.abs(x) < limit;
const isDenormal = (x: number): boolean => isBelow(x, 2 ** -126);

/** The error in ulp. Infinities, NaN and the sign of 0 must be the same; a denormal may be flushed to 0. */
function errorOf(got: number, expected: number): number {
  if (Object.is(got, Math.fround(expected)) || (got === 0 && isDenormal(expected))) return 0;
  if (expected === 0 || !Number.isFinite(got)) return Infinity;
  return Math.abs(got - expected) / ulp(expected);
}

/** The element whose error is largest. */
function worst(got: Float32Array, truth: (i: number) => number): { ulps: number; at: number } {
  let [ulps, at] = [0, -1];
  for (let i = 0; i < got.length; i++) {
    const error = errorOf(got[i], truth(i));
    if (error > ulps) [ulps, at] = [error, i];
  }
  return { ulps, at };
}

const SPECIAL = [0, 1, Infinity, Number.NaN, 2 ** -149, 2 ** -126, 2 ** -127, 2 ** -25, 2 ** -24, 2 ** -12, 3.4e38]
  .concat([0.3, 0.5, 1.5, 2, 2.5, 3, 8388607.5, 8388609, 16777215, 16777217, 2 ** 31, 2 ** 32, 65519.99, 65520])
  .flatMap((x) => [Math.fround(x), -Math.fround(x)]);

/** A number in [0, 1) for every integer, without pattern. */
const noise = (i: number): number => (Math.imul(i ^ (i >>> 7), 0x9e3779b1) >>> 0) / 2 ** 32;

/** Numbers of both signs spread over the bit patterns from `low` to `high`, and the special ones. */
function sweep(low: number, high: number, count = 200_000): Float32Array {
  const [from, to] = [toBits(low), toBits(high)];
  const out = new Float32Array(count + SPECIAL.length);
  const patterns = new Uint32Array(out.buffer);
  for (let i = 0; i < count; i++) {
    patterns[i] = from + Math.floor(((to - from) * (i + noise(i))) / count) + (i & 1 ? 0x80000000 : 0);
  }
  out.set(SPECIAL, count);
  return out;
}

const linear = (low: number, high: number, count = 200_000): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => low + ((high - low) * (i + noise(i))) / count);

/** The f32 numbers next to multiples of π/2, where sine or cosine nearly vanish. */
const nearQuarters = (first: number, last: number, count = 100_000): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => {
    const n = Math.round(first * (last / first) ** (i / count));
    return n * (Math.PI / 2) * (1 + ((i % 3) - 1) * 2 ** -24) * (i & 1 ? -1 : 1);
  });

function joined(...parts: Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

describe("elementary functions in WGSL", () => {
  const angles = () =>
    joined(
      sweep(2 ** -126, 8192),
      sweep(8192, 3.4e38),
      linear(-1e4, 1e4),
      nearQuarters(1, 1e4),
      nearQuarters(1e4, 1e37),
    );
  const table: [MathName, (x: number) => number, () => Float32Array, number][] = [
    ["k_exp", Math.exp, () => joined(sweep(1e-10, 1e3), linear(-104, 89)), 1.3],
    ["k_expm1", Math.expm1, () => joined(sweep(1e-40, 1e3), linear(-20, 89), linear(-1, 1)), 1.7],
    ["k_log", Math.log, () => joined(sweep(1e-45, 3e38), linear(0.4, 2.5)), 0.9],
    ["k_log1p", Math.log1p, () => joined(sweep(1e-40, 3e38), linear(-0.99999, 2)), 0.9],
    ["k_sin", Math.sin, angles, 1.7],
    ["k_cos", Math.cos, angles, 1.7],
    ["k_tanh", Math.tanh, () => joined(sweep(2 ** -126, 1e2), linear(-10, 10)), 1.4],
    ["k_erf", erf, () => joined(sweep(2 ** -122, 1e2), linear(-4.5, 4.5)).filter((x) => !isBelow(x, 2 ** -123)), 1.3],
    ["k_sqrt", Math.sqrt, () => sweep(2 ** -126, 3.4e38).filter((x) => !isDenormal(x)), 0.5],
  ];
  for (const [name, truth, inputs, bound] of table) {
    it(`${name} is within ${bound} ulp`, async () => {
      const x = inputs();
      const got = await runner.map(definitions(name), `${name}(x)`, "f32", x);
      const { ulps, at } = worst(got, (i) => truth(x[i]));
      expect(ulps, `${name}(${x[at]}) = ${got[at]}`).toBeLessThanOrEqual(bound);
    });
  }

  it("k_pow is within 1.5 ulp, and right in C's special cases", async () => {
    const bases = sweep(1e-40, 3e38).map(Math.abs);
    const exponents = bases.map((b, i) => (noise(i + 1) * 2 - 1) * Math.min(1e9, 88 / Math.abs(Math.log(b) || 1)));
    const near = linear(0.5, 2);
    const powers = near.map((b, i) => ((noise(i) * 2 - 1) * 88) / Math.abs(Math.log(b) || 1));
    const pairs = SPECIAL.flatMap((x) => SPECIAL.map((y) => [x, y]));
    const x = joined(
      bases,
      near,
      Float32Array.from(pairs, (p) => p[0]),
    );
    const y = joined(
      exponents,
      powers,
      Float32Array.from(pairs, (p) => p[1]),
    );
    const got = await runner.map(definitions("k_pow"), "k_pow(x, y)", "f32", x, y);
    const { ulps, at } = worst(got, (i) => pow(x[i], y[i]));
    expect(ulps, `k_pow(${x[at]}, ${y[at]}) = ${got[at]}`).toBeLessThanOrEqual(1.5);
  });
});

describe("functions of bits in WGSL", () => {
  const square = SPECIAL.filter((x) => !isDenormal(x)).flatMap((x, _, all) => all.map((y) => [x, y]));
  const x = Float32Array.from(square, (p) => p[0]);
  const y = Float32Array.from(square, (p) => p[1]);

  it("k_max and k_min propagate NaN", async () => {
    for (const name of ["max", "min"] as const) {
      const got = await runner.map(definitions(`k_${name}`), `k_${name}(x, y)`, "f32", x, y);
      expect([...got].map((v) => v + 0)).toEqual(square.map(([a, b]) => Math[name](a, b) + 0));
    }
  });

  it("comparisons are right for NaN and infinities", async () => {
    const table: [string, string, (x: number, y: number) => boolean][] = [
      ["", "x < y", (a, b) => a < b],
      ["", "x <= y", (a, b) => a <= b],
      ["", "x == y", (a, b) => a === b],
      ["", "!(x == y)", (a, b) => a !== b],
      [definitions("k_is_nan"), "k_is_nan(x)", (a) => Number.isNaN(a)],
    ];
    for (const [functions, expression, truth] of table) {
      const got = await runner.map(functions, `select(0u, 1u, ${expression})`, "u32", x, y);
      expect([...got], expression).toEqual(square.map(([a, b]) => Number(truth(Math.fround(a), Math.fround(b)))));
    }
  });

  it("gives infinity and NaN", async () => {
    const one = new Float32Array(1);
    expect([...(await runner.map(definitions("k_inf"), "k_inf()", "f32", one))]).toEqual([Infinity]);
    expect([...(await runner.map(definitions("k_nan"), "k_nan()", "f32", one))]).toEqual([Number.NaN]);
  });

  it("round rounds half to even; floor, ceil and trunc need no help either", async () => {
    const x = joined(sweep(2 ** -126, 3e38), linear(-100, 100)).filter((v) => !isDenormal(v));
    const halves = Float32Array.from({ length: 2000 }, (_, i) => i / 2 - 500);
    const inputs = joined(x, halves);
    for (const [name, truth] of [
      ["round", roundHalfEven],
      ["floor", Math.floor],
      ["ceil", Math.ceil],
      ["trunc", Math.trunc],
    ] as const) {
      const got = await runner.map("", `${name}(x)`, "f32", inputs);
      const { ulps, at } = worst(got, (i) => truth(inputs[i]));
      expect(ulps, `${name}(${inputs[at]}) = ${got[at]}`).toBe(0);
    }
  });

  it("a division is within 1 ulp, and right for zeros, infinities and NaN", async () => {
    const u = joined(sweep(1e-18, 1e18), x);
    const v = joined(sweep(1e-18, 1e18).reverse(), y);
    const got = await runner.map("", "x / y", "f32", u, v);
    const usual = (z: number): boolean => !isDenormal(z) && Math.abs(z) < 2 ** 126;
    const { ulps, at } = worst(got, (i) => (usual(v[i]) && !isDenormal(u[i]) ? u[i] / v[i] : got[i]));
    expect(ulps, `${u[at]} / ${v[at]} = ${got[at]}`).toBeLessThanOrEqual(1);
  });

  it("conversions to integers truncate and saturate", async () => {
    const inputs = joined(sweep(1e-3, 1e10), linear(-3e9, 5e9, 10_000));
    const clamp = (z: number, low: number, high: number) => (Number.isNaN(z) ? 0 : Math.min(high, Math.max(low, z)));
    const i32 = await runner.map(definitions("k_f32_to_i32"), "k_f32_to_i32(x)", "i32", inputs);
    const u32 = await runner.map(definitions("k_f32_to_u32"), "k_f32_to_u32(x)", "u32", inputs);
    const differs = [...inputs].filter((z, i) => {
      const whole = Math.trunc(z);
      return clamp(whole, -(2 ** 31), 2 ** 31 - 1) + 0 !== i32[i] || clamp(whole, 0, 2 ** 32 - 1) + 0 !== u32[i];
    });
    expect(differs).toEqual([]);
  });

  it("k_mulhi is the upper half of a product", async () => {
    const edges = [0, 1, 0xffff, 0x10000, 0xffffffff, 0x80000000];
    const a = Uint32Array.from({ length: 20_000 }, (_, i) => (i < 36 ? edges[i % 6] : noise(i) * 2 ** 32));
    const b = a.map((_, i) => (i < 36 ? edges[Math.floor(i / 6)] : noise(i + 1e6) * 2 ** 32));
    const got = await runner.map(definitions("k_mulhi"), "k_mulhi(x, y)", "u32", a, b);
    expect(got.findIndex((h, i) => h !== Number((BigInt(a[i]) * BigInt(b[i])) >> 32n))).toBe(-1);
  });

  it("k_round_f16 is the nearest half", async () => {
    const halves = Float32Array.from({ length: 65536 }, (_, i) => float16ToNumber(i));
    const between = halves.map((h, i) => (h + halves[Math.min(i + 1, 65535)]) / 2);
    const inputs = joined(sweep(1e-9, 1e6), halves, between);
    const got = await runner.map(definitions("k_round_f16"), "k_round_f16(x)", "f32", inputs);
    const wrong = got.findIndex((h, i) => !Object.is(h, float16ToNumber(numberToFloat16(inputs[i]))));
    expect(wrong, `k_round_f16(${inputs[wrong]}) = ${got[wrong]}`).toBe(-1);
  });
});
