/** float16 in memory, f32 in flight: the conversion of four lanes, in integer SIMD. */

import { type FunctionBuilder, f32x4, i32x4, type Value, v128 } from "./wasm/index.js";

type Lanes = Value<"v128">;

/** The f32 values of halves whose bits stand in the low 16 bits of each lane. */
export function halfToFloat(f: FunctionBuilder, bits: Lanes): Lanes {
  const h = f.let(bits);
  const magnitude = f.let(v128.and(h, i32x4.of(0x7fff)));
  // Moving the exponent to its place makes it too small by 112; multiplying is right for denormals too.
  const finite = f32x4.mul(i32x4.shl(magnitude, 13), f32x4.of(2 ** 112));
  const special = v128.and(i32x4.gtS(magnitude, i32x4.of(0x7bff)), i32x4.of(0x7f800000));
  const sign = i32x4.shl(v128.and(h, i32x4.of(0x8000)), 16);
  return v128.or(v128.or(finite, special), sign);
}

/** The bits of the nearest halves (ties to even) in the low 16 bits of each lane; the rest is 0. */
export function floatToHalf(f: FunctionBuilder, x: Lanes): Lanes {
  const bits = f.let(x);
  const magnitude = f.let(v128.and(bits, i32x4.of(0x7fffffff)));
  const tie = v128.and(i32x4.shrU(magnitude, 13), i32x4.of(1));
  const rounded = i32x4.add(i32x4.add(magnitude, i32x4.of(0xfff - 0x38000000)), tie);
  const result = f.let(i32x4.shrU(rounded, 13));
  const choose = (value: Lanes, where: Lanes): void => f.set(result, v128.bitselect(value, result, where));
  // Below 2⁻¹⁴ halves are multiples of 2⁻²⁴: adding ½ makes f32 round at that place.
  const denormal = i32x4.sub(f32x4.add(magnitude, f32x4.of(0.5)), i32x4.of(0x3f000000));
  choose(denormal, i32x4.ltS(magnitude, i32x4.of(0x38800000)));
  choose(i32x4.of(0x7c00), i32x4.geS(magnitude, i32x4.of(0x477ff000)));
  choose(i32x4.of(0x7e00), i32x4.gtS(magnitude, i32x4.of(0x7f800000)));
  return v128.or(result, v128.and(i32x4.shrU(bits, 16), i32x4.of(0x8000)));
}
