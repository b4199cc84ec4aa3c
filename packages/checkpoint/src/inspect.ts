/** `inspect`: what is in a checkpoint, without reading its tensors. */

import { type CheckpointFormat, type Contents, openContents } from "./contents.js";
import { LazyTensor, type TensorInfo } from "./lazy-tensor.js";
import type { LoadOptions } from "./limits.js";
import type { CheckpointInput } from "./open.js";
import { COST } from "./pickle/cost.js";
import { shortText } from "./short-text.js";
import { OrderedDict } from "./values.js";
import { type Container, children, containers, isContainer, keyText, LISTED_COST, namedChildren } from "./walk.js";

/** Something in a checkpoint that is not a tensor, and holds none. */
export interface ValueInfo {
  /** Keys and indices that lead to it, joined by dots: `epoch`, `optimizer.param_groups`. */
  readonly name: string;
  /** The value as Python would write it, at most about a hundred characters long, without control characters. */
  readonly text: string;
}

export interface CheckpointInfo {
  readonly format: CheckpointFormat;
  /** Bytes of the file, or of all shards together. */
  readonly fileBytes: number;
  /** Under every name that they have, in the order of the file. */
  readonly tensors: readonly TensorInfo[];
  /** Bytes of all storages, each counted once. More than the tensors' own where only parts of a storage are used. */
  readonly storageBytes: number;
  /** Epoch, hyper-parameters, free text: what is there besides tensors. */
  readonly values: readonly ValueInfo[];
}

/**
 * Format, tensors and other values of a `.pth` or `.safetensors` file, or of all shards of an index. Only the directory
 * and the pickle (or the header) are read, however large the file is. Names are those in the file: what prints them
 * should mind control characters.
 *
 * @throws CheckpointError whose `kind` says what is wrong; the signal's reason
 */
export async function inspect(input: CheckpointInput, options: LoadOptions = {}): Promise<CheckpointInfo> {
  const contents = await openContents(input, options);
  try {
    const { format, fileBytes, tensors, extentOf } = contents;
    const extents = new Set(extentOf.values());
    return {
      format,
      fileBytes,
      tensors: tensors.map(({ name, shape, dtype, bytes, requiresGrad, sharesWith }) => {
        return { name, shape, dtype, bytes, requiresGrad, sharesWith };
      }),
      storageBytes: [...extents].reduce((sum, { bytes }) => sum + bytes, 0),
      values: valuesOf(contents),
    };
  } finally {
    await contents.close();
  }
}

/** What is not a tensor: leaves beside tensors one by one, containers without tensors as one value each. */
function valuesOf({ value: root, format, budget, maxDepth }: Contents): ValueInfo[] {
  const holders = new Set<unknown>();
  for (const container of containers(root, maxDepth))
    for (const child of children(container))
      if (child instanceof LazyTensor || holders.has(child)) holders.add(container);

  const found: ValueInfo[] = [];
  const seen = new Set<Container>();
  const waiting: { value: unknown; name: string }[] = [{ value: root, name: "" }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, name } = next;
    if (value instanceof LazyTensor) continue;
    if (!isContainer(value) || !(holders.has(value) || value === root)) {
      budget.spend(LISTED_COST + 2 * name.length);
      found.push({ name, text: shortText(value) });
    } else if (!seen.has(value)) {
      seen.add(value);
      const inside = [...namedChildren(value)].map(([key, child]) => {
        budget.spend(COST.container);
        return { value: child, name: name === "" ? keyText(key) : `${name}.${keyText(key)}` };
      });
      for (const child of inside.reverse()) waiting.push(child);
    }
  }
  if (format === "safetensors" && root instanceof OrderedDict && root.attributes.size > 0)
    for (const [key, text] of root.attributes.get("__metadata__") as Map<string, string>)
      found.push({ name: `__metadata__.${key}`, text: shortText(text) });
  return found;
}
