/**
 * What the printers of the cpu device give for one kernel: WebAssembly that is shared by all kernels of the same
 * structure, and the numbers that make it this kernel. Shapes, strides and offsets are parameters, not code, so that
 * few functions get hot.
 */

/** A WebAssembly module with one export `run(params: i32, begin: i32, end: i32, scratch: i32)`, which imports the
 *  memory `env.memory` (shared where threads are) and executes the tasks [begin, end). */
export interface CpuCode {
  /** Equal keys mean equal code. */
  readonly key: string;
  /** Assembles the module. `shared` says whether the imported memory is shared. */
  assemble(shared: boolean): Uint8Array;
}

export interface CpuKernel {
  readonly code: CpuCode;
  /** Independent pieces of work: any split of [0, tasks) over threads gives the same bits. */
  readonly tasks: number;
  /** 32-bit words at `params`. */
  readonly params: Int32Array;
  /** Words that receive the byte address of buffer `buffer` (the kernel's own numbering) plus `byteOffset`. */
  readonly addresses: readonly { readonly word: number; readonly buffer: number; readonly byteOffset: number }[];
  /** Words that receive the bits of plan uniform `slot`. */
  readonly uniforms: readonly { readonly word: number; readonly slot: number }[];
  /** Bytes that each thread needs at `scratch`, 64-byte aligned. */
  readonly scratch: number;
}

/** Bytes an element takes in the memory of the cpu device. */
export const CPU_BYTES = { float32: 4, float16: 2, int32: 4, uint8: 1, bool: 1 } as const;
