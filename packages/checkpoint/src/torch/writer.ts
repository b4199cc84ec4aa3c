/** torch's zip container, written: the pickle, and the storages behind its tensors. */

import { type DType, dtypeInfo, isComputeDType } from "@kindling/core";
import { torchStorageName } from "../dtypes.js";
import { GlobalName, OwnString, PersistentId, pickle, type Reduction } from "../pickle/pickler.js";
import { elements, isTensor, type Snapshot, snapshot, type Tensor } from "../tensor.js";
import { OrderedDict, TorchDtype, tuple } from "../values.js";
import { type NewMember, zipArchive } from "../zip/writer.js";

/** The folder of all members. torch takes the file's name; a fixed one keeps the bytes independent of it. */
const ROOT = "archive";

/** What torch's reader expects in `version`. */
const VERSION = "3\n";

/** An archive that is yet to be written. */
export interface Archive {
  /** Its bytes, piece by piece; a tensor comes to the host when its turn comes. */
  chunks(): AsyncGenerator<Uint8Array>;
  /** Lets go of the tensors. */
  release(): void;
}

/**
 * The archive of a value. All tensors are written as they are at the time of the call: training may go on meanwhile.
 * Tensors that are views of one tensor share one storage in the file.
 */
export function torchArchive(value: unknown): Archive {
  let storages = new Storages(new Set());
  let program = pickle(value, storages);
  if (storages.shared.size > 0) {
    // Only now is it known which storages are to hold more than one tensor.
    storages = new Storages(storages.shared);
    program = pickle(value, storages);
  }
  const snapshots = storages.owners.map(snapshot);
  return {
    chunks: () => zipArchive(members(program, snapshots)),
    release: () => {
      for (const { release } of snapshots) release();
    },
  };
}

function members(program: Uint8Array, snapshots: readonly Snapshot[]): NewMember[] {
  const text = (content: string) => () => new TextEncoder().encode(content);
  return [
    { name: `${ROOT}/data.pkl`, data: () => program },
    { name: `${ROOT}/byteorder`, data: text("little") },
    ...snapshots.map(({ read }, key) => ({ name: `${ROOT}/data/${key}`, data: read })),
    { name: `${ROOT}/version`, data: text(VERSION) },
  ];
}

/** Where the elements of a tensor are: in the storage of `owner`, at `offset`, with `strides`. */
interface Place {
  readonly owner: Tensor;
  readonly offset: number;
  readonly strides: readonly number[];
}

/** Gives tensors their storages, and says how torch makes the tensors out of them. */
class Storages {
  /** The tensor whose elements a storage holds; its key is its position. */
  readonly owners: Tensor[] = [];
  /** Tensors of which more than one view was met, so that all are to be views of one storage. */
  readonly shared: Set<Tensor>;
  private readonly keys = new Map<Tensor, string>();
  private readonly firstViews = new Map<Tensor, Tensor>();

  constructor(shared: ReadonlySet<Tensor>) {
    this.shared = new Set(shared);
  }

  readonly isTensor = isTensor;

  /** A parameter inside a state dict is another Python tensor than outside, on the same storage. */
  isDetached(object: object): boolean {
    return isTensor(object) && object.requiresGrad;
  }

  reduce(object: object, detached: boolean): Reduction | undefined {
    if (!isTensor(object)) return undefined;
    return rebuild(object, this.place(object), (owner) => this.keyOf(owner), object.requiresGrad && !detached);
  }

  private keyOf(owner: Tensor): string {
    let key = this.keys.get(owner);
    if (key === undefined) {
      key = String(this.owners.push(owner) - 1);
      this.keys.set(owner, key);
    }
    return key;
  }

  private place(tensor: Tensor): Place {
    const view = tensor.viewOf;
    const base = view?.base ?? tensor;
    const first = this.firstViews.get(base) ?? tensor;
    this.firstViews.set(base, first);
    if (first !== tensor) this.shared.add(base);
    // A view of values that only the host has is nowhere row by row: its elements are picked out of its base's.
    const inBase = this.shared.has(base) || (!isComputeDType(tensor.dtype) && tensor.hostData() === undefined);
    if (view && inBase) return { owner: base, offset: view.offset, strides: view.strides };
    return { owner: tensor, offset: 0, strides: contiguousStrides(tensor.shape) };
  }
}

/** `_rebuild_tensor_v2` over a typed storage; `_rebuild_tensor_v3` for dtypes that torch has no typed storage for. */
function rebuild(
  { dtype, shape }: Tensor,
  { owner, offset, strides }: Place,
  keyOf: (owner: Tensor) => string,
  requiresGrad: boolean,
): Reduction {
  const key = keyOf(owner);
  const storageClass = torchStorageName(dtype);
  const length = elements(owner.shape);
  const view = [offset, tuple(shape), tuple(strides), requiresGrad, new OrderedDict()];
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
