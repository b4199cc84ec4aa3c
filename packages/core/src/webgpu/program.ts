/** What a kernel is on the webgpu device: one or a few compute shaders, and what they bind. */

import type { Kernel } from "../kernel.js";

/** Bytes of an element in this device's memory, whatever its dtype: storage buffers hold 32-bit words. */
export const ELEMENT_BYTES = 4;

/** What a shader may count on. Kernels that come out differently for two targets differ in speed alone. */
export interface Target {
  /** Storage buffers that a dispatch may bind. */
  readonly storageBuffers: number;
  /** Workgroup memory, in bytes. */
  readonly workgroupBytes: number;
  /** Invocations of a workgroup. */
  readonly invocations: number;
  /** Workgroups along a dimension of a dispatch. */
  readonly workgroups: number;
  /** Elements of a piece: a larger buffer lies in several pieces, all but the last of this size. A power of two. */
  readonly pieceElements: number;
  /** The shader runs on processor cores: registers are many, barriers dear, workgroup memory no faster than any other. */
  readonly software: boolean;
}

/** One storage buffer binding of a dispatch: a piece of a buffer of the kernel, or of scratch. */
export interface Binding {
  readonly of: "kernel" | "scratch";
  /** Position in the kernel's `buffers`, or in the program's `scratch`. */
  readonly index: number;
  readonly piece: number;
  readonly writable: boolean;
}

/** One dispatch. Its entry point is `main`; binding i of group 0 is `bindings[i]`, and the plan's uniforms, if it reads
 *  them, follow as a uniform buffer. */
export interface Pass {
  readonly code: string;
  readonly bindings: readonly Binding[];
  readonly uniforms: boolean;
  readonly workgroups: readonly [number, number, number];
}

/** A kernel as it is run: passes in order, each after the one before. */
export interface KernelProgram {
  readonly passes: readonly Pass[];
  /** Elements of the scratch buffers that hold what one pass leaves for the next. */
  readonly scratch: readonly number[];
}

/** How a kernel becomes WGSL. `elements[i]` is the size of the kernel's buffer i. */
export type Printer = (kernel: Kernel, elements: readonly number[], target: Target) => KernelProgram;
