/**
 * What the printers of the cpu device give for one kernel: stages, each of them WebAssembly that is shared by all stages
 * of the same structure, and the numbers that make it this one. Shapes, strides and offsets are parameters, not code, so
 * that few functions get hot.
 *
 * Most kernels are one stage. Several are for algorithms that transform an operand once for all tasks: a stage begins
 * when all tasks of the one before are done, and what passes from one to the next lies in the kernel's workspace.
 */

import { WasmModule } from "./wasm/index.js";

/** A WebAssembly module with one export `run(params: i32, begin: i32, end: i32, scratch: i32)`, which imports the
 *  memory `env.memory` (shared where threads are) and executes the tasks [begin, end). */
export interface CpuCode {
  /** Equal keys mean equal code. */
  readonly key: string;
  /** Assembles the module. `shared` says whether the imported memory is shared. */
  assemble(shared: boolean): Uint8Array;
}

/** Code of the functions that `print` adds to a module. */
export const moduleCode = (key: string, print: (m: WasmModule) => void): CpuCode => ({
  key,
  assemble(shared) {
    const m = new WasmModule({ shared });
    print(m);
    return m.bytes();
  },
});

export interface CpuKernel {
  /** Executed in order. */
  readonly stages: readonly CpuStage[];
  /** Bytes that all threads and stages share; they live while this kernel runs, and begin with anything. */
  readonly workspace: number;
  readonly prepared?: Prepared;
}

/**
 * Memory that the first stage fills, and it does nothing else, from nothing but one buffer: an operand in the form that
 * the other stages want. A device may keep it, and leave that stage out as long as the buffer stays what it was.
 */
export interface Prepared {
  /** In the kernel's own numbering. */
  readonly buffer: number;
  readonly bytes: number;
}

/** A word that receives the byte address of buffer `buffer` (the kernel's own numbering) plus `byteOffset`. */
export interface CpuAddress {
  readonly word: number;
  readonly buffer: number | "workspace" | "prepared";
  readonly byteOffset: number;
}

export interface CpuStage {
  readonly code: CpuCode;
  /** Independent pieces of work: any split of [0, tasks) over threads gives the same bits. */
  readonly tasks: number;
  /** 32-bit words at `params`. */
  readonly params: Int32Array;
  readonly addresses: readonly CpuAddress[];
  /** Words that receive the bits of plan uniform `slot`. */
  readonly uniforms: readonly { readonly word: number; readonly slot: number }[];
  /** Bytes that each thread needs at `scratch`, 64-byte aligned. */
  readonly scratch: number;
}

/** A kernel that needs no workspace, since it is done at once. */
export const oneStage = (stage: CpuStage): CpuKernel => ({ stages: [stage], workspace: 0 });

/** Bytes an element takes in the memory of the cpu device. */
export const CPU_BYTES = { float32: 4, float16: 2, int32: 4, uint8: 1, bool: 1 } as const;
