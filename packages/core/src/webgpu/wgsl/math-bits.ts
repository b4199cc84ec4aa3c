/**
 * WGSL functions that look at bits, where the language leaves the built-in's answer open: NaN and infinity, saturation,
 * integers wider than 32 bits, half precision. Shader compilers may assume that floats are never NaN and regroup sums,
 * but they take integer operations at their word.
 */

import { bitsOf } from "./math-text.js";

/** Magnitude bits of ∞. Those of NaN are larger. */
export const INFINITY = bitsOf(Infinity);
/** Bits of the NaN that functions give. */
export const NAN = bitsOf(Number.NaN);
/** All but the sign. */
export const MAGNITUDE = "0x7fffffffu";
/** The sign. */
export const SIGN = "0x80000000u";

export const BITS = {
  k_is_nan: `fn k_is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & ${MAGNITUDE}) > ${INFINITY};
}
`,
  /** A variable, as a constant expression may not be infinite. */
  k_inf: `fn k_inf() -> f32 {
  var bits = ${INFINITY};
  return bitcast<f32>(bits);
}
`,
  k_nan: `fn k_nan() -> f32 {
  var bits = ${NAN};
  return bitcast<f32>(bits);
}
`,
  /**
   * x itself, where n is a whole number of magnitude below 2²³, whose lowest bit is therefore 0. Compilers do not know
   * that, so they cannot regroup x, which is a sum, with the sum that takes it.
   */
  k_pin: `fn k_pin(x: f32, n: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) ^ (bitcast<u32>(n) & 1u));
}
`,
  /** x with the lower 12 bits of its significand cleared: the product of two such numbers is exact. */
  k_head: `fn k_head(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
}
`,
  /** m·2ⁿ for ½ < m < 2 and −152 ≤ n ≤ 130: rounded once if denormal, infinite if too large. */
  k_scale: `fn k_scale(m: f32, n: f32) -> f32 {
  let whole = i32(n);
  let half = whole >> 1u;
  return bitcast<f32>(bitcast<i32>(m) + ((whole - half) << 23u)) * bitcast<f32>((half + 127) << 23u);
}
`,
  /** The larger number; NaN if one of them is. */
  k_max: `fn k_max(x: f32, y: f32) -> f32 {
  let largest = max(bitcast<u32>(x) & ${MAGNITUDE}, bitcast<u32>(y) & ${MAGNITUDE});
  return bitcast<f32>(select(bitcast<u32>(max(x, y)), ${NAN}, largest > ${INFINITY}));
}
`,
  /** The smaller number; NaN if one of them is. */
  k_min: `fn k_min(x: f32, y: f32) -> f32 {
  let largest = max(bitcast<u32>(x) & ${MAGNITUDE}, bitcast<u32>(y) & ${MAGNITUDE});
  return bitcast<f32>(select(bitcast<u32>(min(x, y)), ${NAN}, largest > ${INFINITY}));
}
`,
  /** Truncates and saturates; NaN gives 0. */
  k_f32_to_i32: `fn k_f32_to_i32(x: f32) -> i32 {
  let bits = bitcast<u32>(x);
  let saturated = select(i32(x), bitcast<i32>(${MAGNITUDE} + (bits >> 31u)), (bits & ${MAGNITUDE}) >= ${bitsOf(2 ** 31)});
  return select(saturated, 0, k_is_nan(x));
}
`,
  /** Truncates and saturates; NaN gives 0. */
  k_f32_to_u32: `fn k_f32_to_u32(x: f32) -> u32 {
  let bits = bitcast<i32>(x);
  let saturated = select(u32(x), 0xffffffffu, bits >= bitcast<i32>(${bitsOf(2 ** 32)}));
  return select(saturated, 0u, bits < 0 || k_is_nan(x));
}
`,
  /** The upper half of a·b. */
  k_mulhi: `fn k_mulhi(a: u32, b: u32) -> u32 {
  let a0 = a & 0xffffu;
  let a1 = a >> 16u;
  let b0 = b & 0xffffu;
  let b1 = b >> 16u;
  let middle = a1 * b0 + ((a0 * b0) >> 16u);
  return a1 * b1 + (middle >> 16u) + ((a0 * b1 + (middle & 0xffffu)) >> 16u);
}
`,
  /**
   * The nearest half-precision value, ties to even. Of a significand of 24 bits halves hold the upper 11, and fewer
   * below 2⁻¹⁴; all of it is dropped below 2⁻²⁵.
   */
  k_round_f16: `fn k_round_f16(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let magnitude = bits & ${MAGNITUDE};
  let exponent = clamp(magnitude >> 23u, 101u, 143u);
  let dropped = 13u + max(113u, exponent) - exponent;
  let significand = (magnitude & 0x7fffffu) | 0x800000u;
  let even = (significand >> dropped) & 1u;
  let kept = ((significand + (1u << (dropped - 1u)) - 1u + even) >> dropped) << dropped;
  let rounded = bitcast<u32>(f32(kept) * bitcast<f32>((exponent - 23u) << 23u));
  let finite = select(rounded, ${INFINITY}, magnitude >= ${bitsOf(65520)});
  return bitcast<f32>(select(finite, magnitude, magnitude > ${INFINITY}) | (bits & ${SIGN}));
}
`,
} as const;
