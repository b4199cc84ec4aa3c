/**
 * Powers in WGSL: 2^(y·log₂|x|), with the logarithm in two parts and their product with y in two parts, as an error of
 * the exponent is one of the result's digits. Numbers are split by their bits, so the products of heads are exact, and
 * sums that must not be regrouped are pinned.
 */

import { INFINITY, MAGNITUDE, NAN, SIGN } from "./math-bits.js";
import { bitsOf, f32, horner } from "./math-text.js";

/** 2 / (3·ln 2), and its upper 12 bits. */
const SCALE = 2 / (3 * Math.LN2);
const SCALE_HIGH = Math.round(SCALE * 2 ** 12) / 2 ** 12;

export const POWER = {
  /**
   * log₂ a in two parts of which the first has 12 bits; the sum is good to 2⁻³². With s = (m − 1) / (m + 1) it is
   * k + 2/(3·ln 2) · s·(3 + s² + s⁴·P(s²)): s is held in two parts, so are the bracket and their product.
   */
  k_log2_wide: `fn k_log2_wide(a: f32) -> vec2f {
  let parts = k_log_split(a);
  let k = parts.x;
  let m = parts.y;
  let over = m - 1f;
  let under = m + 1f;
  let s = over / under;
  let s_head = k_head(s);
  let under_head = k_head(under);
  let under_tail = m - k_pin(under_head - 1f, k);
  let s_tail = (k_pin(over - s_head * under_head, k) - s_head * under_tail) / under;
  let z = s * s;
  let square = s_head * s_head;
  let series = s_tail * (s_head + s) + z * z * ${horner("z", [0.6000002026557922, 0.42843353748321533, 0.34572356939315796])};
  let bracket = k_head(3f + square + series);
  let bracket_tail = series - k_pin(k_pin(bracket - 3f, k) - square, k);
  let product = s_head * bracket;
  let product_tail = s_tail * bracket + bracket_tail * s;
  let p = k_head(product + product_tail);
  let p_tail = product_tail - k_pin(p - product, k);
  let lead = p * ${f32(SCALE_HIGH)};
  let rest = p * ${f32(SCALE - SCALE_HIGH)} + p_tail * ${f32(SCALE)};
  let high = k_head(k + (lead + rest));
  return vec2f(high, k_pin(k_pin(k - high, k) + lead, k) + rest);
}
`,
  /** |x|ʸ without C's special cases, but for ±∞ as y. |y| ≥ 2⁴⁰ gives 0, 1 or ∞, as ∞ does. */
  k_pow_of: `fn k_pow_of(a: f32, y: f32) -> f32 {
  let log = k_log2_wide(a);
  let bits = bitcast<u32>(y);
  let exponent = bitcast<f32>(min(bits & ${MAGNITUDE}, ${bitsOf(2 ** 40)}) | (bits & ${SIGN}));
  let head = k_head(exponent);
  let product = head * log.x;
  let rest = head * log.y + (exponent - head) * (log.x + log.y);
  let t = product + rest;
  let n = clamp(round(t), -151f, 129f);
  let tail = k_exp_tail((k_pin(product - n, n) + rest) * ${f32(Math.LN2)});
  let normal = bitcast<u32>(k_scale(1f + tail, n));
  return bitcast<f32>(select(select(normal, 0u, t < -151f), ${INFINITY}, t >= 128f));
}
`,
  /** xʸ as in C, within 1.5 ulp: 1 for y = 0 or x = 1; a negative base wants an integer exponent. */
  k_pow: `fn k_pow(x: f32, y: f32) -> f32 {
  let x_bits = bitcast<u32>(x);
  let y_bits = bitcast<u32>(y);
  let a = x_bits & ${MAGNITUDE};
  let b = y_bits & ${MAGNITUDE};
  let end = select(0u, ${INFINITY}, (a == 0u) == (y_bits > ${SIGN}));
  var power = select(bitcast<u32>(k_pow_of(bitcast<f32>(a), y)), end, a == 0u || a == ${INFINITY});
  let whole = floor(y) == y;
  let odd = whole && b < ${bitsOf(2 ** 24)} && (i32(y) & 1) == 1;
  power |= select(0u, x_bits & ${SIGN}, odd);
  let negative = x_bits > ${SIGN} && a < ${INFINITY} && a != 0u;
  power = select(power, ${NAN}, (negative && !whole && b < ${INFINITY}) || max(a, b) > ${INFINITY});
  return bitcast<f32>(select(power, ${bitsOf(1)}, b == 0u || x_bits == ${bitsOf(1)}));
}
`,
} as const;
