/**
 * Cases that a run on webgpu leaves out unless it is told `--slow`: the device may compute in software, where a large
 * network takes a minute and more, most of it to compile shaders.
 */

/** Forward passes that take more than 20 s on SwiftShader with two quiet cores. */
const SLOW_FORWARD = new Set([
  "models/densenet161@224",
  "models/inception_v3@224",
  "models/vit_b_16",
  "models/vit_l_32",
  "models/wide_resnet50_2@224",
]);

/** Gradients and training of these stand for the rest. */
const QUICK_BACKWARD = new Set([
  "grads/shufflenet_v2_x0_5",
  "train/resnet18",
  "train/resnet18_frozen_fc4",
  "train/mobilenet_v3_small",
]);

/** Whether a case (`part/case`) is slow on a device, by name. */
export function isSlow(device: string, name: string): boolean {
  if (device !== "webgpu") return false;
  const [part] = name.split("/");
  return part === "models"
    ? SLOW_FORWARD.has(name)
    : (part === "grads" || part === "train") && !QUICK_BACKWARD.has(name);
}
