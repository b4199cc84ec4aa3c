/** What a GPU device is asked to allow, and what shaders may count on then. */

import type { WebGpuLimits } from "./options.js";
import { ELEMENT_BYTES, type Target } from "./program.js";

/** Limits that are raised to the adapter's: they decide how large a tensor and how many fused operands one kernel takes. */
const RAISED = ["maxBufferSize", "maxStorageBufferBindingSize", "maxStorageBuffersPerShaderStage"] as const;

/** Larger pieces would take addresses in bytes beyond 32 bits. SwiftShader claims 1 GiB, and falls a little short of it. */
const LARGEST_PIECE = { hardware: 2 ** 31, software: 2 ** 29 };

export const raisedLimits = (limits: GPUSupportedLimits): Record<string, number> =>
  Object.fromEntries(RAISED.map((name) => [name, limits[name]]));

export function targetOf(limits: GPUSupportedLimits, tighter: WebGpuLimits, software: boolean): Target {
  const bytes = Math.min(
    limits.maxStorageBufferBindingSize,
    limits.maxBufferSize,
    tighter.bindingBytes ?? Infinity,
    tighter.bufferBytes ?? Infinity,
    software ? LARGEST_PIECE.software : LARGEST_PIECE.hardware,
  );
  return {
    storageBuffers: Math.min(limits.maxStorageBuffersPerShaderStage, tighter.storageBuffers ?? Infinity),
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    invocations: limits.maxComputeInvocationsPerWorkgroup,
    workgroups: limits.maxComputeWorkgroupsPerDimension,
    pieceElements: 2 ** Math.floor(Math.log2(bytes / ELEMENT_BYTES)),
    software,
  };
}
