/** `inspect`: what is in a checkpoint, without reading its tensors. */

import type { DType } from "@kindling/core";
import type { LoadLimits } from "./limits.js";
import { beginsLikeSafetensors, type CheckpointInput, limitsFor, readValue, withSource } from "./open.js";
import { readHeader } from "./safetensors/header.js";
import { containers, namedTensors } from "./walk.js";

/** One tensor of a checkpoint. */
export interface TensorInfo {
  /** Keys and indices that lead to it, joined by dots: `state_dict.fc.weight`. Empty if it is the whole value. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Bytes of its elements. */
  readonly bytes: number;
}

/**
 * Names, shapes, dtypes and sizes of the tensors in a `.pth` or `.safetensors` file, in the file's order. Only the
 * directory and the pickle (or the header) are read, however large the file is.
 */
export async function inspect(input: CheckpointInput, options: LoadLimits = {}): Promise<TensorInfo[]> {
  return withSource(input, async (source) => {
    if (await beginsLikeSafetensors(source)) {
      const { entries } = await readHeader(source);
      return entries.map(({ name, shape, dtype, bytes }) => ({ name, shape, dtype, bytes }));
    }
    const limits = limitsFor(source, options);
    const value = await readValue(source, limits);
    containers(value, limits.maxDepth);
    return namedTensors(value).map(({ name, tensor }) => ({
      name,
      shape: tensor.shape,
      dtype: tensor.dtype,
      bytes: tensor.bytes,
    }));
  });
}
