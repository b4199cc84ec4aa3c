/**
 * Cases that a run on webgpu leaves out unless it is told `--slow`: the device may compute in software, where a large
 * network takes minutes. The models below stand for the rest.
 */

const SLOW_PARTS = new Set(["models", "grads", "train"]);

const QUICK_MODELS = new Set([
  "models/resnet18",
  "models/shufflenet_v2_x0_5",
  "models/mobilenet_v3_small",
  "grads/shufflenet_v2_x0_5",
  "train/resnet18",
  "train/resnet18_frozen_fc4",
  "train/mobilenet_v3_small",
]);

/** Whether a case (`part/case`) is slow on a device, by name. */
export const isSlow = (device: string, name: string): boolean =>
  device === "webgpu" && SLOW_PARTS.has(name.split("/")[0]) && !QUICK_MODELS.has(name);
