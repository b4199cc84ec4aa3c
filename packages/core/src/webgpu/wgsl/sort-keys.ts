/** What sorting compares: u32 keys in the order of the elements, and where they are equal the elements' positions. */

import { type Expr, expr, type Scalar, scalarOf } from "../../expr.js";
import type { SortKernel } from "../../kernel.js";
import type { Shader } from "./shader.js";
import { Values } from "./values.js";

/** The key of nothing. Real elements of this key come first, by their positions. */
export const LAST_KEY = "0xffffffffu";

const ORDERED: Readonly<Record<Scalar, string>> = {
  // NaN is the largest, and both zeros are equal.
  f32: `let bits = bitcast<u32>(x);
  let magnitude = bits & 0x7fffffffu;
  let signed = select(0x80000000u + magnitude, 0x80000000u - magnitude, bits >= 0x80000000u);
  let key = select(signed, 0xffffffffu, magnitude > 0x7f800000u);`,
  i32: "let key = bitcast<u32>(x) ^ 0x80000000u;",
  u32: "let key = x;",
  bool: "let key = u32(x);",
};

/** Defines `key_of`, the key of an element. */
export function defineKey(shader: Shader, { source, descending }: SortKernel): void {
  const type = scalarOf(source.dtype);
  shader.define(`fn key_of(x: ${type}) -> u32 {\n  ${ORDERED[type]}\n  return ${descending ? "~key" : "key"};\n}`);
}

/** The text of the key at a position along the row (text of an i32); statements that must stand before it. */
export function keyAt(
  shader: Shader,
  { source, rows }: SortKernel,
  rowPosition: (dimension: number) => string,
  along: string,
): { statements: string[]; key: string } {
  const position = (d: number): string => (d === rows.length ? along : rowPosition(d));
  const value: Expr = expr("load", scalarOf(source.dtype), [], 0);
  const { statements, texts } = new Values(shader, { sources: [source], position, acc: () => "" }).print([value]);
  return { statements, key: `key_of(${texts[0]})` };
}

/** The text of whether element `a` comes before `b`, each given by the texts of its key and of its position. */
export const comesBefore = (a: readonly [string, string], b: readonly [string, string]): string =>
  `(${a[0]} < ${b[0]} || (${a[0]} == ${b[0]} && ${a[1]} < ${b[1]}))`;
