/** `openCheckpoint`: a checkpoint whose tensors stay in the file until they are asked for. */

import { type CheckpointFormat, type Contents, openContents } from "./contents.js";
import { CheckpointError } from "./errors.js";
import type { LazyTensor, LazyValue } from "./lazy-tensor.js";
import type { LoadOptions } from "./limits.js";
import type { CheckpointInput } from "./open.js";
import { quoted } from "./printable.js";
import type { Tensor } from "./tensor.js";
import { OrderedDict } from "./values.js";

/** Small tensors are read ahead while iterating, up to this many bytes: neighbours in the file come in one read. */
const READ_AHEAD_BYTES = 2 ** 23;

/**
 * An open checkpoint. Its file stays open until `close`, which `await using` calls. Tensors can be read in any order and
 * at the same time; nothing that was read is kept.
 *
 *     await using checkpoint = await openCheckpoint("training.pth");
 *     const weights = findStateDict(checkpoint.value);
 *     model.loadStateDict(await checkpoint.readAll(weights));
 */
export class LazyCheckpoint implements AsyncDisposable, AsyncIterable<[name: string, tensor: Tensor]> {
  readonly format: CheckpointFormat;
  /** Every tensor under every name that it has, in the order of the file. */
  readonly tensors: readonly LazyTensor[];
  /**
   * What `load` or `loadSafetensors` gives, with a `LazyTensor` in the place of each tensor: epoch, hyper-parameters and
   * optimizer state are there at once. Tensors that are the same view of the same storage are the same `LazyTensor`.
   */
  readonly value: LazyValue;

  readonly #contents: Contents;
  readonly #byName = new Map<string, LazyTensor[]>();
  #closing: Promise<void> | undefined;

  /** Made by `openCheckpoint`. */
  constructor(contents: Contents) {
    this.#contents = contents;
    this.format = contents.format;
    this.tensors = contents.tensors;
    this.value = contents.value as LazyValue;
    for (const tensor of this.tensors) {
      const same = this.#byName.get(tensor.name);
      if (same) same.push(tensor);
      else this.#byName.set(tensor.name, [tensor]);
    }
  }

  /**
   * Reads one tensor.
   *
   * @throws CheckpointError of kind `missing-member` for a name that no tensor has, or several have (the keys 1 and "1",
   *   "a.b" and "b" in "a"): these are to be had from `value`; and of the kinds of `LazyTensor.read`
   */
  async read(name: string): Promise<Tensor> {
    const [tensor, another] = this.#byName.get(name) ?? [];
    const refuse = (why: string) => new CheckpointError("missing-member", `${this.#contents.name}: ${why}`);
    if (!tensor) throw refuse(`there is no tensor ${quoted(name)}`);
    if (another) throw refuse(`several tensors are called ${quoted(name)}; take the one that is meant from value`);
    return tensor.read();
  }

  /**
   * Reads the tensors of a part of the checkpoint, such as the state dict in it: neighbours together, each storage once.
   * Memory: the bytes of these tensors. Entries that are one `LazyTensor` become one `Tensor`; the metadata of a state
   * dict is kept.
   *
   * @throws CheckpointError as `LazyTensor.read`
   */
  async readAll<K extends string>(part: ReadonlyMap<K, LazyTensor>): Promise<OrderedDict<K, Tensor>> {
    const read = await this.#contents.readMany([...new Set(part.values())]);
    const dict = new OrderedDict<K, Tensor>();
    for (const [key, tensor] of part) dict.set(key, read.get(tensor) as Tensor);
    if (part instanceof OrderedDict) for (const [key, value] of part.attributes) dict.attributes.set(key, value);
    return dict;
  }

  /**
   * Names and tensors, one after another in the order of the file. Memory: the tensor that is given, and what is read
   * ahead: 8 MiB, or all views of one storage where several follow one another.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<[name: string, tensor: Tensor]> {
    for (const batch of this.#batches()) {
      const read = await this.#contents.readMany(batch);
      for (const tensor of batch) {
        const whole = read.get(tensor) as Tensor;
        read.delete(tensor);
        yield [tensor.name, whole];
      }
    }
  }

  *#batches(): Generator<LazyTensor[]> {
    const { tensors, extentOf } = this.#contents;
    let batch: LazyTensor[] = [];
    let bytes = 0;
    for (const tensor of tensors) {
      const isOnSame = batch.length > 0 && extentOf.get(batch[batch.length - 1]) === extentOf.get(tensor);
      if (batch.length > 0 && !isOnSame && bytes + tensor.bytes > READ_AHEAD_BYTES) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push(tensor);
      bytes += tensor.bytes;
    }
    if (batch.length > 0) yield batch;
  }

  /** Closes the file; reading is an error from now on. A second call does nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#contents.close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Opens a `.pth` or `.safetensors` file, or the index of a sharded one (the path or address of a `.json`): its directory
 * and pickle (or header) are read now, tensors when they are used. A stream is read to its end. Of an address, opening
 * takes two requests, or a few more where directory or pickle are larger than 256 KiB; nothing is fetched twice that
 * `fetchWeights` of `@kindling/vision` would keep. A `ByteSource` is not closed.
 *
 * @throws CheckpointError whose `kind` says what is wrong; the signal's reason
 */
export async function openCheckpoint(input: CheckpointInput, options: LoadOptions = {}): Promise<LazyCheckpoint> {
  return new LazyCheckpoint(await openContents(input, options));
}
