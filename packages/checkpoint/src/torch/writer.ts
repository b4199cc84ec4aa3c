/** torch's zip container, written: the pickle, and a storage for each tensor. */

import { type DType, dtypeInfo } from "@kindling/core";
import { torchStorageName } from "../dtypes.js";
import { GlobalName, OwnString, PersistentId, pickle, type Reduction } from "../pickle/pickler.js";
import { elements, hostBytes, isTensor, type Tensor } from "../tensor.js";
import { OrderedDict, TorchDtype, tuple } from "../values.js";
import { type NewMember, zipArchive } from "../zip/writer.js";

/** The folder of all members. torch takes the file's name; a fixed one keeps the bytes independent of it. */
const ROOT = "archive";

/** What torch's reader expects in `version`. */
const VERSION = "3\n";

/**
 * The archive of a value. All tensors are read as they are at the time of the call, so that training may go on while
 * the file is written.
 */
export function torchArchive(value: unknown): AsyncGenerator<Uint8Array> {
  const tensors: Tensor[] = [];
  const reduce = (object: object, detached: boolean): Reduction | undefined => {
    if (!isTensor(object)) return undefined;
    tensors.push(object);
    return reduceTensor(object, String(tensors.length - 1), object.requiresGrad && !detached);
  };
  const program = pickle(value, reduce, isTensor);
  const storages = tensors.map(snapshot);
  const text = (content: string) => () => new TextEncoder().encode(content);
  const members: NewMember[] = [
    { name: `${ROOT}/data.pkl`, data: () => program },
    { name: `${ROOT}/byteorder`, data: text("little") },
    ...storages.map((storage, key) => ({ name: `${ROOT}/data/${key}`, data: () => storage })),
    { name: `${ROOT}/version`, data: text(VERSION) },
  ];
  return zipArchive(members);
}

/** The bytes of a tensor as it is now. A failure is kept for whoever awaits it. */
function snapshot(tensor: Tensor): Promise<Uint8Array> {
  const bytes = hostBytes(tensor);
  bytes.catch(() => undefined);
  return bytes;
}

/** `_rebuild_tensor_v2` over a typed storage; `_rebuild_tensor_v3` for dtypes that torch has no typed storage for. */
function reduceTensor({ dtype, shape }: Tensor, key: string, requiresGrad: boolean): Reduction {
  const storageClass = torchStorageName(dtype);
  const length = elements(shape);
  const view = [0, tuple(shape), tuple(contiguousStrides(shape)), requiresGrad, new OrderedDict()];
  if (storageClass !== undefined)
    return {
      callee: new GlobalName("torch._utils", "_rebuild_tensor_v2"),
      args: [storageId(new GlobalName("torch", storageClass), key, length), ...view],
    };
  const bytes = length * dtypeInfo(dtype).bytes;
  return {
    callee: new GlobalName("torch._utils", "_rebuild_tensor_v3"),
    args: [storageId(new GlobalName("torch.storage", "UntypedStorage"), key, bytes), ...view, torchDtype(dtype)],
  };
}

const storageId = (storageClass: GlobalName, key: string, length: number): PersistentId =>
  new PersistentId(tuple<never>(["storage", storageClass, new OwnString(key), "cpu", length] as never[]));

const torchDtype = (dtype: DType): TorchDtype => new TorchDtype(dtype);

/** Row-major strides as torch gives them: a dimension of size 0 counts as 1. */
function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= Math.max(shape[i], 1);
  }
  return strides;
}
