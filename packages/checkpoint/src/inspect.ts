/** `inspect` and `openCheckpoint`: what is in a checkpoint without reading its tensors, and single tensors of it. */

import type { DType } from "@kindling/core";
import { CheckpointError } from "./errors.js";
import { type LoadLimits, objectBudget } from "./limits.js";
import { beginsLikeSafetensors, type CheckpointInput, limitsFor, openSource, readValue, withSource } from "./open.js";
import { quoted } from "./printable.js";
import { readTensors } from "./read-tensors.js";
import { readHeader } from "./safetensors/header.js";
import { readEntry } from "./safetensors/load.js";
import type { ByteSource } from "./source.js";
import type { Tensor } from "./tensor.js";
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

interface Listed {
  readonly info: TensorInfo;
  readonly read: () => Promise<Tensor>;
}

/**
 * Names, shapes, dtypes and sizes of the tensors in a `.pth` or `.safetensors` file, in the file's order. Only the
 * directory and the pickle (or the header) are read, however large the file is.
 */
export async function inspect(input: CheckpointInput, options: LoadLimits = {}): Promise<TensorInfo[]> {
  return withSource(input, options, async (source) => (await list(source, options)).map(({ info }) => info));
}

async function list(source: ByteSource, options: LoadLimits): Promise<Listed[]> {
  if (await beginsLikeSafetensors(source)) {
    const { entries } = await readHeader(source, objectBudget(source.name, limitsFor(source, options)));
    return entries.map((entry) => {
      const { name, shape, dtype, bytes } = entry;
      return { info: { name, shape, dtype, bytes }, read: () => readEntry(source, entry) };
    });
  }
  const limits = limitsFor(source, options);
  const value = await readValue(source, limits);
  containers(value, limits.maxDepth);
  return namedTensors(value, objectBudget(source.name, limits)).map(({ name, tensor }) => {
    const { shape, dtype, bytes, identity } = tensor;
    const read = async () => (await readTensors([tensor], limits, source.name)).get(identity) as Tensor;
    return { info: { name, shape, dtype, bytes }, read };
  });
}

/** A checkpoint whose tensors stay in the file until they are asked for. */
export class LazyCheckpoint implements AsyncDisposable {
  private readonly byName: ReadonlyMap<string, Listed>;
  /** Every tensor in the file, as `inspect` lists them. */
  readonly tensors: readonly TensorInfo[];

  /** Made by `openCheckpoint`. */
  constructor(
    private readonly source: ByteSource,
    listed: readonly Listed[],
  ) {
    this.tensors = listed.map(({ info }) => info);
    this.byName = new Map(listed.map((item) => [item.info.name, item]));
  }

  /**
   * Reads one tensor. A view of a part of a storage reads that storage.
   *
   * @throws CheckpointError of kind `missing-member` for a name that is not in `tensors`
   */
  async read(name: string): Promise<Tensor> {
    const listed = this.byName.get(name);
    if (!listed) throw new CheckpointError("missing-member", `${this.source.name}: there is no tensor ${quoted(name)}`);
    return listed.read();
  }

  async close(): Promise<void> {
    await this.source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Opens a `.pth` or `.safetensors` file: its directory and pickle (or header) are read now, tensors when used. */
export async function openCheckpoint(input: CheckpointInput, options: LoadLimits = {}): Promise<LazyCheckpoint> {
  const source = await openSource(input, options);
  try {
    return new LazyCheckpoint(source, await list(source, options));
  } catch (error) {
    await source.close();
    throw error;
  }
}
