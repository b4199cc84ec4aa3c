/**
 * What a device must do. The core hands it plans; it owns memory, compiles kernels and runs plans in the order given.
 * Everything that it does is asynchronous to the caller except bookkeeping: `run` enqueues and returns.
 */

import type { ComputeDType, TypedArray } from "./dtype.js";
import type { Plan } from "./kernel.js";

/** A piece of device memory. */
export interface DeviceBuffer {
  readonly bytes: number;
}

/** A plan that the device has made ready to run. */
export interface CompiledPlan {
  readonly plan: Plan;
  /** Kernels that had to be compiled for it; 0 when all were known. */
  readonly compiled: number;
  /** Launches that one run makes, by kind of kernel. */
  readonly launches: Readonly<Record<string, number>>;
}

export interface DeviceMemory {
  /** Bytes of live buffers, and how many there are. */
  bytes: number;
  buffers: number;
  /** Bytes obtained from the system, in use or pooled. */
  reserved: number;
  /** Highest sum of live buffers, slots of the running plan and workspaces, since `resetPeak`. */
  peak: number;
}

export interface Device {
  readonly name: string;
  /** Bytes that an element takes in this device's memory. */
  elementBytes(dtype: ComputeDType): number;
  /** The largest buffer that kernels take in one piece, in bytes. A device may have to cut a kernel over a larger one. */
  readonly maxBufferBytes: number;
  /** Contents are undefined. Throws a `DeviceError` when memory or `memoryLimit` is exhausted; it says what was asked for,
   *  in the words of `purpose`. */
  allocate(bytes: number, purpose?: string): DeviceBuffer;
  /** Gives the memory back once all runs enqueued so far have finished with it. Freeing twice is an error. */
  free(buffer: DeviceBuffer): void;
  /** Fills a buffer that no enqueued run uses yet. The data, in the host's layout of `dtype`, is copied before the call
   *  returns. */
  upload(buffer: DeviceBuffer, data: TypedArray, dtype: ComputeDType): void;
  /** `count` elements from element `first` on, after all runs enqueued so far, in the host's layout of `dtype`. */
  read(buffer: DeviceBuffer, dtype: ComputeDType, first: number, count: number): Promise<ArrayBuffer>;
  compile(plan: Plan): CompiledPlan;
  /** Enqueues a run. `externals` are the plan's external buffers, `uniforms` the bits of its scalars. */
  run(compiled: CompiledPlan, externals: readonly DeviceBuffer[], uniforms: Uint32Array): void;
  /** Runs enqueued and not finished. */
  pending(): number;
  /** Resolves when at most `runs` runs are pending; rejects with a `DeviceError` if one failed. */
  settle(runs: number): Promise<void>;
  memory(): DeviceMemory;
  resetPeak(): void;
  /** Ends threads and gives all memory back. */
  close(): void;
}
