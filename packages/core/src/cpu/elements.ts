/** Elements in memory as lanes: four neighbours, four at any addresses, or one for all lanes, by their dtype. */

import type { ComputeDType } from "../dtype.js";
import { floatToHalf, halfToFloat } from "./half.js";
import type { Lanes } from "./lanes.js";
import {
  type FunctionBuilder,
  i8x16,
  i16x8,
  i32,
  i32x4,
  type Local,
  type Operand,
  type Value,
  v128,
} from "./wasm/index.js";

type Address = Operand<"i32">;

/** What the lanes hold after loading (the stored bits, zero-extended), as the scalar type of the dtype. */
function decode(f: FunctionBuilder, dtype: ComputeDType, raw: Lanes): Lanes {
  if (dtype === "float16") return halfToFloat(f, raw);
  return dtype === "bool" ? i32x4.ne(raw, v128.zero) : raw;
}

function loadScalar(dtype: ComputeDType, address: Address): Value<"i32"> {
  if (dtype === "float16") return i32.load16U(address);
  return dtype === "uint8" || dtype === "bool" ? i32.load8U(address) : i32.load(address);
}

/** Four neighbours, from `address` + `offset` bytes on. */
export function loadFour(f: FunctionBuilder, dtype: ComputeDType, address: Address, offset = 0): Lanes {
  switch (dtype) {
    case "float32":
    case "int32":
      return v128.load(address, offset);
    case "float16":
      return decode(f, dtype, v128.load16x4U(address, offset));
    default:
      return decode(f, dtype, i32x4.extendLowI16x8U(i16x8.extendLowI8x16U(v128.load32Zero(address, offset))));
  }
}

/** Four elements of four bytes, of which each is the second after the one before. */
export const loadEverySecond = (address: Address, offset = 0): Lanes =>
  v128.shuffle32(v128.load(address, offset), v128.load(address, offset + 12), [0, 2, 5, 7]);

/** The columns of the matrix whose rows are given. */
export function transpose(f: FunctionBuilder, rows: readonly Lanes[]): Lanes[] {
  const [a, b, c, d] = rows.map((row) => f.let(row));
  const [low, high] = [[0, 4, 1, 5] as const, [2, 6, 3, 7] as const].map((lanes) =>
    [v128.shuffle32(a, b, lanes), v128.shuffle32(c, d, lanes)].map((pair) => f.let(pair)),
  );
  return [low, high].flatMap(([x, y]) => [v128.shuffle32(x, y, [0, 1, 4, 5]), v128.shuffle32(x, y, [2, 3, 6, 7])]);
}

/** One element in all lanes. */
export const loadOne = (f: FunctionBuilder, dtype: ComputeDType, address: Address): Lanes =>
  dtype === "float32" || dtype === "int32"
    ? v128.load32Splat(address)
    : decode(f, dtype, i32x4.splat(loadScalar(dtype, address)));

/** Four elements at the addresses of the lanes. */
export function gather(f: FunctionBuilder, dtype: ComputeDType, address: (lane: number) => Address): Lanes {
  const wide = dtype === "float32" || dtype === "int32";
  const first = wide ? v128.load32Zero(address(0)) : i32x4.splat(loadScalar(dtype, address(0)));
  const raw = [1, 2, 3].reduce(
    (lanes: Lanes, l) =>
      wide ? v128.load32Lane(address(l), lanes, l) : i32x4.replace(lanes, l, loadScalar(dtype, address(l))),
    first,
  );
  return decode(f, dtype, raw);
}

/** As `gather`, where the mask is set; elsewhere 0, and memory is not touched. */
export function gatherMasked(
  f: FunctionBuilder,
  dtype: ComputeDType,
  address: (lane: number) => Address,
  mask: Local<"v128">,
): Lanes {
  const bits = f.let(i32x4.bitmask(mask));
  const raw = f.let(v128.zero);
  for (let l = 0; l < 4; l++) {
    f.if(i32.and(bits, 1 << l), () => f.set(raw, i32x4.replace(raw, l, loadScalar(dtype, address(l)))));
  }
  return decode(f, dtype, raw);
}

/** The bits to store, in the low part of each lane. */
function encode(f: FunctionBuilder, dtype: ComputeDType, value: Lanes): Lanes {
  if (dtype === "float16") return floatToHalf(f, value);
  if (dtype === "uint8") return v128.and(value, i32x4.of(0xff));
  return dtype === "bool" ? v128.and(value, i32x4.of(1)) : value;
}

/** Stores to four neighbours, from `address` + `offset` bytes on. Integers are taken modulo their width. */
export function storeFour(f: FunctionBuilder, dtype: ComputeDType, address: Address, value: Lanes, offset = 0): void {
  const lanes = encode(f, dtype, value);
  if (dtype === "float32" || dtype === "int32") {
    f.store("v128", address, lanes, offset);
    return;
  }
  const words = f.let(lanes);
  const narrow = f.let(i16x8.narrowI32x4U(words, words));
  if (dtype === "float16") f.storeLane(64, address, narrow, 0, offset);
  else f.storeLane(32, address, i8x16.narrowI16x8U(narrow, narrow), 0, offset);
}

/** Stores lane 0. */
export function storeOne(f: FunctionBuilder, dtype: ComputeDType, address: Address, value: Lanes): void {
  const bits = dtype === "float16" ? 16 : dtype === "uint8" || dtype === "bool" ? 8 : 32;
  f.storeLane(bits, address, encode(f, dtype, value), 0);
}

/** Stores the lanes at their addresses. */
export function scatter(
  f: FunctionBuilder,
  dtype: ComputeDType,
  address: (lane: number) => Address,
  value: Lanes,
): void {
  const bits = dtype === "float16" ? 16 : dtype === "uint8" || dtype === "bool" ? 8 : 32;
  const lanes = f.let(encode(f, dtype, value));
  for (let l = 0; l < 4; l++) f.storeLane(bits, address(l), lanes, (32 / bits) * l);
}
