/** The adapter of the tests, by Dawn itself, with nothing of the framework between. */

import { create, globals } from "webgpu";

Object.assign(globalThis, globals);

/** Dawn's instance, which must outlive its devices, and a device with the baseline's limits. */
export interface Opened {
  readonly gpu: GPU;
  readonly device: GPUDevice;
}

/** Opens the adapter of the environment: Vulkan's, or with KINDLING_WEBGPU_BACKEND=opengles that of OpenGL ES. Throws where
 *  there is none. */
export async function openAdapter(): Promise<Opened> {
  const backend = process.env.KINDLING_WEBGPU_BACKEND;
  const gpu = create(backend ? [`backend=${backend}`] : []);
  const adapter = await gpu.requestAdapter({ featureLevel: backend === "opengles" ? "compatibility" : "core" });
  if (!adapter) throw new Error("no WebGPU adapter; expected one, such as SwiftShader through VK_DRIVER_FILES");
  return { gpu, device: await adapter.requestDevice() };
}
