/** How numbers and polynomials are written in WGSL. */

/** An f32 literal, exact. */
export const f32 = (x: number): string => `${Math.fround(x)}f`;

/** The u32 literal of the bits of `x` as f32. */
export const bitsOf = (x: number): string => {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, x);
  return `0x${view.getUint32(0).toString(16).padStart(8, "0")}u`;
};

/** c₀ + x·(c₁ + x·(c₂ + …)) */
export const horner = (x: string, [first, ...rest]: readonly number[]): string =>
  rest.length ? `(${f32(first)} + ${x} * ${horner(x, rest)})` : f32(first);
