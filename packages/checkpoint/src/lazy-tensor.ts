/** A tensor that stays in its file until it is asked for. */

import type { DType } from "@kindling/core";
import type { Tensor } from "./tensor.js";
import type { Complex, FrozenSet, PythonObject, TorchDevice, TorchDtype } from "./values.js";

/** One tensor of a checkpoint. */
export interface TensorInfo {
  /**
   * Keys and indices that lead to it, joined by dots: `state_dict.fc.weight`. Empty if it is the whole value, or stands
   * in an attribute of a Python object, where no keys lead.
   */
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Bytes of its elements. */
  readonly bytes: number;
  readonly requiresGrad: boolean;
  /**
   * Name of the first tensor on the same storage, if this is another: tied weights, or views of one tensor. In
   * safetensors, undefined always.
   */
  readonly sharesWith: string | undefined;
}

/** A tensor of an open checkpoint: what `TensorInfo` says is known, its elements are read by `read`. */
export class LazyTensor implements TensorInfo {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly bytes: number;
  readonly requiresGrad: boolean;
  readonly sharesWith: string | undefined;
  readonly #readMany: (tensors: readonly LazyTensor[]) => Promise<Map<LazyTensor, Tensor>>;

  /** Made by `openCheckpoint`. */
  constructor(info: TensorInfo, readMany: (tensors: readonly LazyTensor[]) => Promise<Map<LazyTensor, Tensor>>) {
    this.name = info.name;
    this.shape = info.shape;
    this.dtype = info.dtype;
    this.bytes = info.bytes;
    this.requiresGrad = info.requiresGrad;
    this.sharesWith = info.sharesWith;
    this.#readMany = readMany;
  }

  /**
   * Reads the elements, anew at every call: the tensor, on the host, is the caller's own. A view of a part of a storage
   * reads that storage.
   *
   * @throws CheckpointError of kind `io` once the checkpoint is closed, or its file was written to; any other kind for
   *   what only shows now, as `crc` or `limit`
   */
  async read(): Promise<Tensor> {
    return (await this.#readMany([this])).get(this) as Tensor;
  }
}

/** What a checkpoint holds, as `PythonValue`, with handles in the place of tensors. */
export type LazyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | LazyTensor
  | LazyValue[]
  | Map<LazyValue, LazyValue>
  | Set<LazyValue>
  | FrozenSet
  | Complex
  | TorchDtype
  | TorchDevice
  | PythonObject;
