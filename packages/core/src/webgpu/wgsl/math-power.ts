/**
 * Powers in WGSL: 2^(y·log₂|x|), with the logarithm in two parts and their product with y in two parts, as an error of
 * the exponent is one of the result's digits. Numbers are split by their bits, so the products of heads are exact, and
 * sums that must not be regrouped are pinned.
 */

import { INFINITY, MAGNITUDE, NAN, SIGN } from "./math-bits.js";
import { bitsOf, f32, horner } from "./math-text.js";

/** 2 / ln 2 in two parts of which the first has 12 bits. */
const TWO_LOG2E = 2 / Math.LN2;
const TWO_LOG2E_HIGH = Math.round(TWO_LOG2E * 2 ** 10) / 2 ** 10;

export const POWER = {
  /**
   * log₂ a in two parts whose sum is good to 2⁻³²; the first has 12 bits. It is k + c·s + s³·P(s²) with c = 2 / ln 2 and
   * s = (m − 1) / (m + 1), where c·s is held in two parts.
   */
  k_log2_wide: `fn k_log2_wide(a: f32) -> vec2f {
  let parts = k_log_split(a);
  let k = parts.x;
  let m = parts.y;
  let over = m - 1f;
  let under = m + 1f;
  let s = over / under;
  let head = k_head(s);
  let under_head = k_head(under);
  let under_rest = m - k_pin(under_head - 1f, k);
  let rest = (k_pin(over - head * under_head, k) - head * under_rest) / under;
  let z = s * s;
  let series = s * z * ${horner("z", [0.9617966724308917, 0.5770837670831878, 0.411661343556945, 0.34094817993892923])};
  let low = (head * ${f32(TWO_LOG2E - TWO_LOG2E_HIGH)} + rest * ${f32(TWO_LOG2E)}) + series;
  let product = head * ${f32(TWO_LOG2E_HIGH)};
  let high = k_head(k + (product + low));
  return vec2f(high, k_pin(k_pin(k - high, k) + product, k) + low);
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
  /** xʸ as in C: 1 for y = 0 or x = 1; a negative base wants an integer exponent. */
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
