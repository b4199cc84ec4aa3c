/**
 * Exponentials, logarithms and their kin in WGSL, by range reduction and the polynomials of cpu/math.ts. Products that
 * must be exact are of numbers with few bits, so that it does not matter whether the compiler fuses multiply and add.
 */

import { INFINITY, MAGNITUDE, NAN, SIGN } from "./math-bits.js";
import { bitsOf, f32, horner } from "./math-text.js";

const LN2_HIGH = f32(0.693359375);
const LN2_LOW = f32(-2.121944400546906e-4);

export const EXPONENTIAL = {
  /** eʳ − 1 for |r| ≤ ½ ln 2. */
  k_exp_tail: `fn k_exp_tail(r: f32) -> f32 {
  return r + r * r * ${horner("r", [0.5, 0.1666653901, 0.04166642576, 0.008367153816, 0.001393871848])};
}
`,
  /** Writes x = n·ln 2 + r with |r| ≤ ½ ln 2 and gives (n, r). Needs |x| < 128. */
  k_exp_reduce: `fn k_exp_reduce(x: f32) -> vec2f {
  let n = round(x * ${f32(Math.LOG2E)});
  return vec2f(n, k_pin(x - n * ${LN2_HIGH}, n) - n * ${LN2_LOW});
}
`,
  /** eˣ, within 1.3 ulp. */
  k_exp: `fn k_exp(x: f32) -> f32 {
  let reduced = k_exp_reduce(clamp(x, -104f, 89f));
  let y = k_scale(1f + k_exp_tail(reduced.y), reduced.x);
  return bitcast<f32>(select(bitcast<u32>(y), ${NAN}, k_is_nan(x)));
}
`,
  /** eˣ − 1, within 1.7 ulp; x itself below 2⁻²⁴. */
  k_expm1: `fn k_expm1(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & ${MAGNITUDE};
  let reduced = k_exp_reduce(clamp(x, -25f, 89f));
  let scale = bitcast<f32>((i32(reduced.x) + 126) << 23u);
  let y = 2f * (scale * k_exp_tail(reduced.y) + k_pin(scale - 0.5f, reduced.x));
  let regular = magnitude >= ${bitsOf(2 ** -24)} && magnitude <= ${INFINITY};
  return bitcast<f32>(select(bitcast<u32>(x), bitcast<u32>(y), regular));
}
`,
  /** Writes a > 0 as 2ᵏ·m with √½ ≤ m < √2 and gives (k, m). The bits of a denormal are its value times 2¹⁴⁹. */
  k_log_split: `fn k_log_split(a: f32) -> vec2f {
  let bits = bitcast<i32>(a);
  let normal = select(bits, bitcast<i32>(f32(bits)) - ${149 << 23}, bits < 0x00800000);
  let k = (normal - 0x3f3504f3) >> 23u;
  return vec2f(f32(k), bitcast<f32>(normal - (k << 23u)));
}
`,
  /**
   * k·ln 2 + log m + correction, from log(1 + t) = t − t²/2 + s·(t²/2 + R(s²)), s = t / (2 + t): the first terms are
   * exact, and R is small.
   */
  k_log_of: `fn k_log_of(k: f32, m: f32, correction: f32) -> f32 {
  let t = m - 1f;
  let s = t / (t + 2f);
  let z = s * s;
  let square = 0.5f * (t * t);
  let small = s * (square + z * ${horner("z", [0.666667819, 0.3997686505, 0.2989012003])}) + k * ${LN2_LOW};
  return k * ${LN2_HIGH} - ((square - (small + correction)) - t);
}
`,
  /** Natural logarithm, within 0.9 ulp. */
  k_log: `fn k_log(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let magnitude = bits & ${MAGNITUDE};
  let parts = k_log_split(x);
  let regular = bitcast<u32>(k_log_of(parts.x, parts.y, 0f));
  let positive = select(regular, bits, bits >= ${INFINITY});
  let invalid = bits > ${SIGN} || magnitude > ${INFINITY};
  return bitcast<f32>(select(select(positive, ${bitsOf(-Infinity)}, magnitude == 0u), ${NAN}, invalid));
}
`,
  /** log(1 + x), within 0.9 ulp: what 1 + x loses in rounding is added back to first order. x itself below 2⁻²⁵. */
  k_log1p: `fn k_log1p(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let magnitude = bits & ${MAGNITUDE};
  let sum = 1f + x;
  let parts = k_log_split(sum);
  let lost = x - k_pin(k_pin(sum, parts.x) - 1f, parts.x);
  let regular = bitcast<u32>(k_log_of(parts.x, parts.y, lost / sum));
  let same = magnitude < ${bitsOf(2 ** -25)} || bits == ${INFINITY};
  let inside = select(select(regular, bits, same), ${bitsOf(-Infinity)}, bits == ${bitsOf(-1)});
  return bitcast<f32>(select(inside, ${NAN}, bits > ${bitsOf(-1)} || magnitude > ${INFINITY}));
}
`,
  /** Hyperbolic tangent, within 1.4 ulp: odd polynomial below 0.625, above it 1 − 2 / (e²ˣ + 1). */
  k_tanh: `fn k_tanh(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let a = bitcast<f32>(min(bits & ${MAGNITUDE}, ${bitsOf(10)}));
  let z = a * a;
  let small = a + a * z * ${horner("z", [-0.3333328366, 0.1333148479, -0.0537430048, 0.02064910345, -0.005715499166])};
  let reduced = k_exp_reduce(2f * a);
  let large = 1f - 2f / (k_scale(1f + k_exp_tail(reduced.y), reduced.x) + 1f);
  let y = bitcast<u32>(select(large, small, a < 0.625f)) | (bits & ${SIGN});
  return bitcast<f32>(select(y, bits, k_is_nan(x)));
}
`,
  /**
   * Error function, within 1.3 ulp: odd polynomial below 1, above it 1 − exp(−q(|x|)) with a polynomial q = −log erfc.
   * An adapter that takes denormals for zero gives x instead of 2/√π·x below 2⁻¹²³.
   */
  k_erf: `fn k_erf(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let a = bitcast<f32>(min(bits & ${MAGNITUDE}, ${bitsOf(4)}));
  let z = a * a;
  let small = a + a * ${horner("z", [0.1283791661, -0.3761262894, 0.1128361821, -0.02685512602, 0.005190733355, -0.0008030750905, 7.920309872e-5])};
  let q = ${horner("a", [0.0001774441189, 1.127749801, 0.6370592713, 0.1040378883, -0.02227741294, 0.003055712441, -0.0001971952879])};
  let reduced = k_exp_reduce(-q);
  let large = 1f - k_scale(1f + k_exp_tail(reduced.y), reduced.x);
  let y = bitcast<u32>(select(large, small, a < 1f)) | (bits & ${SIGN});
  return bitcast<f32>(select(y, bits, k_is_nan(x)));
}
`,
  /** Square root, of the built-in, which is exact to ½ ulp on the adapters measured; −0, ∞ and negative numbers as in C. */
  k_sqrt: `fn k_sqrt(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let zero = (bits & ${MAGNITUDE}) == 0u;
  let positive = select(bitcast<u32>(sqrt(x)), bits, zero || bits == ${INFINITY});
  return bitcast<f32>(select(positive, ${NAN}, bits > ${INFINITY} && !zero));
}
`,
} as const;
