/**
 * Sine and cosine in WGSL: x is reduced to |r| ≤ π/4 by the nearest multiple of π/2, then the polynomials of
 * cpu/math.ts. Up to |x| = 2¹³ that multiple is subtracted in parts; beyond, x · 2/π is computed modulo 4 in
 * integers (Payne and Hanek), from those bits of 2/π that the exponent asks for.
 */

import { INFINITY, MAGNITUDE, NAN, SIGN } from "./math-bits.js";
import { bitsOf, f32, horner } from "./math-text.js";

/** π/2 in parts: three of 11 bits, so that their multiples up to 2¹³ are exact, and the rest. */
const HALF_PI = [1.5703125, 0.0004837512969970703, 7.549533620476723e-8, 2.5633440682570896e-12].map(f32);

/** The bits of 2/π after the point, and before them 32 zeros, as windows begin before the point. */
const TWO_OVER_PI = [
  0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561,
].map((word) => `0x${word.toString(16)}u`);

export const ANGLE = {
  /**
   * Writes x = n·π/2 + r with |r| ≤ π/4 and gives (n, r, what r lost in rounding). Needs |x| < 2¹³. The first two
   * differences are exact.
   */
  k_angle_near: `fn k_angle_near(x: f32) -> vec3f {
  let n = round(x * ${f32(2 / Math.PI)});
  let first = k_pin(x - n * ${HALF_PI[0]}, n);
  let second = k_pin(first - n * ${HALF_PI[1]}, n);
  let third = n * ${HALF_PI[2]};
  let r = k_pin(second - third, n);
  return vec3f(n, r, k_pin(k_pin(second - r, n) - third, n) - n * ${HALF_PI[3]});
}
`,
  /**
   * The same with n modulo 4, for finite |x| ≥ 2. x = ±m·2ᵉ with a whole m < 2²⁴; the 96 bits of 2/π whose first has the
   * weight 2¹⁻ᵉ, times m, are x · 2/π in units of 2⁻⁹⁴ but for multiples of 4. The upper 64 bits are kept, and of these
   * the distance to the nearest quarter turn, shifted so that it begins with a 1, becomes a sum of two floats.
   */
  k_angle_far: `fn k_angle_far(x: f32) -> vec3f {
  var table = array<u32, ${TWO_OVER_PI.length}>(${TWO_OVER_PI.join(", ")});
  let bits = bitcast<u32>(x);
  let m = (bits & 0x7fffffu) | 0x800000u;
  let start = ((bits & ${MAGNITUDE}) >> 23u) - ${150 + 2 - 32}u;
  let at = start >> 5u;
  let shift = start & 31u;
  let back = 31u - shift;
  let w0 = (table[at] << shift) | ((table[at + 1u] >> 1u) >> back);
  let w1 = (table[at + 1u] << shift) | ((table[at + 2u] >> 1u) >> back);
  let w2 = (table[at + 2u] << shift) | ((table[at + 3u] >> 1u) >> back);
  let carried = k_mulhi(m, w2);
  let low = m * w1 + carried;
  let high = m * w0 + k_mulhi(m, w1) + select(0u, 1u, low < carried);
  let n = (high + 0x20000000u) >> 30u;
  let past = high - (n << 30u);
  let negative = past >= ${SIGN};
  let coarse = select(past, ~past, negative);
  let fine = select(low, ~low, negative);
  let zeros = min(countLeadingZeros(coarse), 31u);
  let upper = (coarse << zeros) | (fine >> (32u - zeros));
  let lower = fine << zeros;
  let head = f32(upper >> 20u) * ${f32(2 ** -10)};
  let tail = f32((upper << 12u) | (lower >> 20u)) * ${f32(2 ** -42)};
  let lead = head * ${f32(1.5703125)};
  let rest = head * ${f32(Math.PI / 2 - 1.5703125)} + tail * ${f32(Math.PI / 2)};
  let turns = f32(select(n, 4u - n, bits >= ${SIGN}));
  let r = k_pin(lead + rest, turns);
  let lost = rest - k_pin(r - lead, turns);
  let unit = bitcast<f32>((127u - zeros) << 23u) * select(1f, -1f, negative != (bits >= ${SIGN}));
  return vec3f(turns, unit * r, unit * lost);
}
`,
  /** sin(x + quarter·π/2). */
  k_sine: `fn k_sine(x: f32, quarter: i32) -> f32 {
  let magnitude = bitcast<u32>(x) & ${MAGNITUDE};
  var reduced = k_angle_near(x);
  if magnitude > ${bitsOf(2 ** 13)} && magnitude < ${INFINITY} {
    reduced = k_angle_far(x);
  }
  let r = reduced.y;
  let z = r * r;
  let lost = reduced.z;
  let sin = r + (lost + r * z * ${horner("z", [-0.1666665524, 0.008332190104, -0.0001951840823])});
  let cos = 1f - 0.5f * z + (z * z * ${horner("z", [0.04166664556, -0.001388730132, 2.44306666e-5])} - r * lost);
  let quadrant = i32(reduced.x) + quarter;
  let y = bitcast<u32>(select(sin, cos, (quadrant & 1) == 1)) ^ (u32(quadrant & 2) << 30u);
  return bitcast<f32>(select(y, ${NAN}, magnitude >= ${INFINITY}));
}
`,
  /** Sine of radians, within 1.7 ulp for all finite x; x itself below 2⁻¹². */
  k_sin: `fn k_sin(x: f32) -> f32 {
  let tiny = (bitcast<u32>(x) & ${MAGNITUDE}) < ${bitsOf(2 ** -12)};
  return bitcast<f32>(select(bitcast<u32>(k_sine(x, 0)), bitcast<u32>(x), tiny));
}
`,
  /** Cosine of radians, within 1.7 ulp for all finite x. */
  k_cos: `fn k_cos(x: f32) -> f32 {
  return k_sine(x, 1);
}
`,
} as const;
