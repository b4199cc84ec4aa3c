/** Plans of hand-made kernels for the tests of devices, and what their kernels compute, in JavaScript. */

import type { BufferRef, Kernel, Plan } from "../dist/kernel.js";

export function planOf(kernels: readonly (readonly [Kernel, readonly BufferRef[]])[], rest: Partial<Plan> = {}): Plan {
  return {
    key: "test",
    kernels: kernels.map(([kernel, buffers]) => ({ kernel, buffers, flops: 0, bytes: 0 })),
    slots: [],
    externals: [],
    uniforms: 0,
    ...rest,
  };
}

export const external = (index: number): BufferRef => ({ kind: "external", index });
export const slot = (index: number): BufferRef => ({ kind: "slot", index });

export const uniform = (value: number): Uint32Array => new Uint32Array(Float32Array.of(value).buffer);

/** What the kernels that shift compute: y[i] = scale · x[(i + shift) mod n] + 1. */
export function shiftOnHost(x: Float32Array, shift: number, scale: number): Float32Array {
  const s = Math.fround(scale);
  return x.map((_, i) => Math.fround(Math.fround(x[(i + shift) % x.length] * s) + 1));
}
