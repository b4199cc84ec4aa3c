/** Reads and writes PyTorch checkpoints and safetensors files, and trusts none of them. */

export { CheckpointError, type CheckpointErrorKind } from "./errors.js";
export { inspect, LazyCheckpoint, openCheckpoint, type TensorInfo } from "./inspect.js";
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
