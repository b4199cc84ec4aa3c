/** Reads tensors out of their storages: each storage once, a few at a time, within the budget. */

import { dtypeInfo } from "@kindling/core";
import { Budget, type LoadLimits } from "./limits.js";
import { fromHost, swapBytes, type Tensor, typedArray } from "./tensor.js";
import { gather, type Storage, type StoredTensor } from "./torch/stored-tensor.js";

/** Storages that are read at the same time. */
const CONCURRENCY = 4;

/**
 * Reads the given tensors. Two that are the same view of the same storage become one `Tensor`, so that tied weights
 * stay tied; a view of a part becomes a compact copy; a tensor that is its whole storage adopts the bytes read.
 */
export async function readTensors(
  wanted: Iterable<StoredTensor>,
  limits: Required<LoadLimits>,
  name: string,
): Promise<Map<string, Tensor>> {
  const budget = new Budget(limits.maxTensorBytes, `${name}: its tensors`, "maxTensorBytes");
  const byStorage = new Map<Storage, Map<string, StoredTensor>>();
  for (const tensor of wanted) {
    let views = byStorage.get(tensor.storage);
    if (!views) {
      views = new Map();
      byStorage.set(tensor.storage, views);
      budget.spend(tensor.storage.bytes);
    }
    const { identity } = tensor;
    if (views.has(identity)) continue;
    views.set(identity, tensor);
    if (!tensor.isWholeStorage) budget.spend(tensor.bytes);
  }

  const tensors = new Map<string, Tensor>();
  const queue = byStorage.entries();
  const worker = async (): Promise<void> => {
    for (const [storage, views] of queue) {
      const bytes = await storage.read();
      let adopted = false;
      for (const [identity, view] of views) {
        const adopt: boolean = view.isWholeStorage && !adopted && !storage.bigEndian;
        adopted ||= adopt;
        tensors.set(identity, materialise(view, adopt ? bytes : gather(bytes, view)));
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return tensors;
}

function materialise(view: StoredTensor, bytes: Uint8Array<ArrayBuffer>): Tensor {
  if (view.storage.bigEndian) swapBytes(bytes, view.dtype);
  if (dtypeInfo(view.dtype).kind === "bool") for (let i = 0; i < bytes.length; i++) bytes[i] = bytes[i] === 0 ? 0 : 1;
  return fromHost(view.dtype, view.shape, typedArray(view.dtype, bytes), view.requiresGrad);
}
