/** What every device checks, and how it says what it cannot give. */

import type { DeviceBuffer } from "./device.js";
import { DeviceError, OutOfMemoryError } from "./errors.js";
import type { Plan } from "./kernel.js";

/** Bytes in words. */
export const inMiB = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 3 : 1)} MiB`;

/** Throws unless a run has the buffers and numbers that its plan takes. */
export function checkRun(plan: Plan, externals: readonly DeviceBuffer[], uniforms: Uint32Array): void {
  if (externals.length === plan.externals.length && uniforms.length === plan.uniforms) return;
  throw new DeviceError(
    `run with ${externals.length} buffers and ${uniforms.length} uniforms ` +
      `of a plan that takes ${plan.externals.length} and ${plan.uniforms}`,
  );
}

export interface Shortage {
  readonly device: string;
  readonly asked: number;
  readonly purpose: string;
  /** Bytes of live buffers, and how many there are. */
  readonly bytes: number;
  readonly buffers: number;
  readonly limit: number;
  /** Why the limit is no higher, where `memoryLimit` cannot raise it. */
  readonly bound?: string;
  /** The largest piece that is free, where memory is one. */
  readonly free?: number;
}

export function outOfMemory(shortage: Shortage): OutOfMemoryError {
  const { device, asked, purpose, bytes, buffers, limit, bound, free } = shortage;
  const largest = free === undefined ? "" : `largest free piece ${inMiB(free)}, `;
  return new OutOfMemoryError(
    `out of memory on the ${device} device: ${inMiB(asked)} asked for ${purpose}; ${inMiB(bytes)} live in ` +
      `${buffers} buffers, ${largest}limit ${inMiB(limit)}${bound ? `, ${bound}` : ""}. ` +
      `Use a smaller batch${bound ? " or hold fewer tensors" : ", hold fewer tensors, or raise memoryLimit"}`,
  );
}
