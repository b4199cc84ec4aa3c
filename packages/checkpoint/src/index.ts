/** Reads and writes PyTorch checkpoints and safetensors files, and trusts none of them. */

export type { CheckpointFormat } from "./contents.js";
export { CheckpointError, type CheckpointErrorKind } from "./errors.js";
export { type CheckpointInfo, inspect, type ValueInfo } from "./inspect.js";
export { LazyCheckpoint, openCheckpoint } from "./lazy-checkpoint.js";
export { LazyTensor, type LazyValue, type TensorInfo } from "./lazy-tensor.js";
export type { LoadLimits, LoadOptions } from "./limits.js";
export { load } from "./load.js";
export type { CheckpointInput } from "./open.js";
export { loadSafetensors, type SafetensorsDict } from "./safetensors/load.js";
export {
  type NamedTensors,
  type SaveSafetensorsOptions,
  saveSafetensors,
  toSafetensorsBytes,
} from "./safetensors/save.js";
export { save, toBytes } from "./save.js";
export { type ByteSource, blobSource, bytesSource, type SourceOptions, streamSource } from "./source.js";
export { findStateDict, renameKeys, stripPrefix } from "./state-dict.js";
export { type UrlSourceOptions, urlSource } from "./url-source.js";
export {
  Complex,
  Float,
  FrozenSet,
  OrderedDict,
  PythonObject,
  type PythonValue,
  Size,
  size,
  TorchDevice,
  TorchDtype,
  Tuple,
  tuple,
} from "./values.js";
