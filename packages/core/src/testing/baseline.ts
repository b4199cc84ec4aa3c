/** The least that every WebGPU adapter gives, as a graphics card. */

import type { Target } from "../webgpu/program.js";

export const BASELINE: Target = {
  storageBuffers: 8,
  workgroupBytes: 2 ** 14,
  invocations: 256,
  workgroups: 2 ** 16 - 1,
  pieceElements: 2 ** 25,
  software: false,
};
