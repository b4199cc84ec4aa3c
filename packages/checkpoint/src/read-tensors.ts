/** Reads tensors out of their storages: each storage once, in the order of the file, within the budget. */

import { inFlight } from "./in-flight.js";
import { Budget, type LoadLimits } from "./limits.js";
import { fromBytes, swapBytes, type Tensor } from "./tensor.js";
import { applySigns, gather, type Storage, type StoredTensor } from "./torch/stored-tensor.js";

/** What becomes of the bytes of one storage. */
interface Plan {
  /** The tensors on it, by identity. */
  readonly views: Map<string, StoredTensor>;
  /** The one that takes the bytes as they are; all others take copies. */
  adopter: StoredTensor | undefined;
}

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
  const plans = new Map<Storage, Plan>();
  for (const tensor of wanted) {
    const { storage, identity } = tensor;
    let plan = plans.get(storage);
    if (!plan) {
      plan = { views: new Map(), adopter: undefined };
      plans.set(storage, plan);
      budget.spend(storage.bytes);
    }
    if (plan.views.has(identity)) continue;
    plan.views.set(identity, tensor);
    if (tensor.isWholeStorage && !storage.bigEndian && !plan.adopter) plan.adopter = tensor;
    else budget.spend(tensor.bytes);
  }

  const tensors = new Map<string, Tensor>();
  const inFileOrder = [...plans].sort(([a], [b]) => a.position - b.position);
  const bytesOf = ([{ bytes }]: [Storage, Plan]): number => bytes;
  await inFlight(inFileOrder, bytesOf, async ([storage, { views, adopter }]) => {
    const bytes = await storage.read();
    for (const [identity, view] of views)
      if (view !== adopter) tensors.set(identity, tensorOf(view, gather(bytes, view)));
    if (adopter) tensors.set(adopter.identity, tensorOf(adopter, bytes));
  });
  return tensors;
}

function tensorOf(view: StoredTensor, bytes: Uint8Array<ArrayBuffer>): Tensor {
  if (view.storage.bigEndian) swapBytes(bytes, view.dtype);
  applySigns(bytes, view);
  return fromBytes(view.dtype, view.shape, bytes, view.requiresGrad);
}
