/**
 * The functions and classes of torch that make tensors of storages, one of which a pickle calls for each of its tensors.
 * What they would do in torch beyond placing numbers (hooks, devices, Python attributes) is left out.
 */

import type { DType } from "@kindling/core";
import { TORCH_DTYPES } from "../dtypes.js";
import { CheckpointError } from "../errors.js";
import type { Budget } from "../limits.js";
import { COST } from "../pickle/cost.js";
import { GlobalReference } from "../pickle/unpickler.js";
import { quoted } from "../printable.js";
import { TorchDtype, Tuple } from "../values.js";
import { checkCount, describe, flag, integer, integers, text } from "./arguments.js";
import { NumpyArray } from "./numpy.js";
import { StorageReference, StoredTensor } from "./stored-tensor.js";

const bad = (message: string): CheckpointError => new CheckpointError("bad-pickle", message);

type Call = (args: readonly unknown[], budget: Budget) => unknown;

function storageOf(value: unknown, name: string): StorageReference {
  if (!(value instanceof StorageReference)) throw bad(`${name}: the storage is ${describe(value)}`);
  return value;
}

function view(name: string, storage: StorageReference, dtype: DType, args: readonly unknown[]): StoredTensor {
  const [offset, shape, strides, requiresGrad = false] = args;
  return StoredTensor.view(
    storage,
    dtype,
    integer(offset, `${name}: the storage offset`),
    integers(shape, `${name}: the size`),
    integers(strides, `${name}: the stride`),
    flag(requiresGrad, `${name}: requires_grad`),
  );
}

/** `(storage, offset, size, stride)` and, since 0.4, `(…, requires_grad, hooks, bits)`. */
function rebuildTensor(name: string, least: number, most: number): Call {
  return (args) => {
    checkCount(args, least, most, name);
    const storage = storageOf(args[0], name);
    const tensor = view(name, storage, storage.dtype ?? "uint8", args.slice(1, 5));
    return withBits(tensor, args[6], name);
  };
}

/** `(storage, offset, size, stride, requires_grad, hooks, dtype, bits)`: dtypes that have no storage class. */
function rebuildTensorV3(name: string): Call {
  return (args) => {
    checkCount(args, 7, 8, name);
    const storage = storageOf(args[0], name);
    const dtype = elementType(args[6], name);
    if (storage.dtype !== null && storage.dtype !== dtype)
      throw bad(
        `${name}: a tensor of ${dtype} on storage ${quoted(storage.storage.key)}, which is of ${storage.dtype}`,
      );
    return withBits(view(name, storage, dtype, args.slice(1, 5)), args[7], name);
  };
}

/** The dtype of a tensor's elements; an `unsupported` error names one that there are no tensors of. */
function elementType(dtype: unknown, name: string): DType {
  if (!(dtype instanceof TorchDtype)) throw bad(`${name}: the dtype is ${describe(dtype)}`);
  const known = TORCH_DTYPES.get(dtype.name);
  if (known === undefined)
    throw new CheckpointError(
      "unsupported",
      `the file holds a tensor of ${dtype}, which is not supported. In Python, save tensor.to(torch.float32) instead`,
    );
  return known;
}

/** `{"conj": True}`, `{"neg": True}`: torch stores such a tensor unconjugated, and negates when it is read. */
function withBits(tensor: StoredTensor, bits: unknown = null, name: string): StoredTensor {
  if (bits === null) return tensor;
  if (!(bits instanceof Map)) throw bad(`${name}: the tensor's bits are ${describe(bits)}, not a dict`);
  const set = new Set<unknown>();
  for (const [bit, value] of bits) if (flag(value, `${name}: the bit ${describe(bit)}`)) set.add(bit);
  const negated = tensor.withBits(set.delete("conj"), set.delete("neg"));
  for (const bit of set)
    throw new CheckpointError("unsupported", `${name}: the meaning of a tensor's bit ${describe(bit)} is not known`);
  return negated;
}

/** `(data, requires_grad, hooks)`, and for parameters with Python attributes their state, which is left out. */
function rebuildParameter(name: string, count: number): Call {
  return (args) => {
    checkCount(args, count, count, name);
    const [data, requiresGrad] = args;
    if (!(data instanceof StoredTensor)) throw bad(`${name}: the data is ${describe(data)}, not a tensor`);
    return data.withRequiresGrad(flag(requiresGrad, `${name}: requires_grad`));
  };
}

/** `(function, type, args, state)`: a tensor with Python attributes, which are left out. */
function rebuildFromType(name: string): Call {
  return (args, budget) => {
    checkCount(args, 4, 4, name);
    const [callee, type, inner] = args;
    if (!(callee instanceof GlobalReference) || !REBUILDS.has(callee.name))
      throw bad(`${name}: ${describe(callee)} does not rebuild a tensor`);
    if (!(type instanceof GlobalReference) || !CLASSES.has(type.name))
      throw bad(`${name}: ${describe(type)} is no class of tensors`);
    if (!(inner instanceof Tuple)) throw bad(`${name}: the arguments are ${describe(inner)}`);
    return callee.call(inner, budget);
  };
}

/**
 * `(data, dtype, device, requires_grad)`: tensors of devices whose storages torch cannot reach (XLA and the like), as
 * numpy arrays or copies on the CPU. numpy has no bfloat16, so those come as float32.
 */
function rebuildDeviceTensor(name: string): Call {
  return (args) => {
    checkCount(args, 4, 4, name);
    const [data, dtype, device, requiresGrad] = args;
    text(device, `${name}: the device`);
    const wanted = elementType(dtype, name);
    const tensor = data instanceof NumpyArray ? data.as(wanted) : data;
    if (!(tensor instanceof StoredTensor) || tensor.dtype !== wanted)
      throw bad(`${name}: the data is ${describe(data)}, not a tensor of ${wanted}`);
    return tensor.withRequiresGrad(flag(requiresGrad, `${name}: requires_grad`));
  };
}

/**
 * A tensor as torch before 0.4 pickled it: an instance of its class, which `BUILD` then gives a state.
 *
 * | items of the state | they are |
 * |---|---|
 * | 3 | requires_grad, volatile, hooks |
 * | 4 | storage, offset, size, stride |
 * | 5 | data, creator, hooks, requires_grad, volatile |
 */
export class OldTensor {
  constructor(
    private readonly className: string,
    /** null where the class does not say. */
    private readonly dtype: DType | null,
    private stored: StoredTensor | undefined,
  ) {}

  setState(state: unknown): void {
    const name = this.className;
    if (!(state instanceof Tuple)) throw bad(`${name} is given ${describe(state)} as its state`);
    checkCount(state, 3, 5, `the state of ${name}`);
    if (state.length === 4) this.stored = this.viewOf(state);
    else {
      const [data, requiresGrad] = state.length === 3 ? [this.tensor, state[0]] : [state[0] as unknown, state[3]];
      if (!(data instanceof StoredTensor)) throw bad(`${name}: the data is ${describe(data)}, not a tensor`);
      this.stored = data.withRequiresGrad(flag(requiresGrad, `${name}: requires_grad`));
    }
  }

  private viewOf(state: readonly unknown[]): StoredTensor {
    const storage = storageOf(state[0], this.className);
    const dtype = storage.dtype ?? "uint8";
    if (this.dtype !== null && this.dtype !== dtype)
      throw bad(`a ${this.className} on storage ${quoted(storage.storage.key)}, which is of ${dtype}`);
    return view(this.className, storage, dtype, state.slice(1));
  }

  get tensor(): StoredTensor {
    if (this.stored === undefined) throw bad(`a ${this.className} is never given its data`);
    return this.stored;
  }
}

/** A class of tensors: called with data, or without and given a state afterwards. */
const tensorClass =
  (name: string, dtype: DType | null, requiresGradByDefault: boolean): Call =>
  (args) => {
    checkCount(args, 0, 2, name);
    const [data, requiresGrad = requiresGradByDefault] = args;
    if (data === undefined) return new OldTensor(name, dtype, undefined);
    if (!(data instanceof StoredTensor)) throw bad(`${name} is made from ${describe(data)}, not from a tensor`);
    return new OldTensor(name, dtype, data.withRequiresGrad(flag(requiresGrad, `${name}: requires_grad`)));
  };

/** Element types by the names of the tensor classes that torch had for each before 0.4. */
const TYPED_CLASSES: Readonly<Record<string, DType>> = {
  FloatTensor: "float32",
  DoubleTensor: "float64",
  HalfTensor: "float16",
  BFloat16Tensor: "bfloat16",
  LongTensor: "int64",
  IntTensor: "int32",
  ShortTensor: "int16",
  CharTensor: "int8",
  ByteTensor: "uint8",
  BoolTensor: "bool",
};

const CLASSES = new Map<string, Call>();
const nameClass = (name: string, dtype: DType | null = null, requiresGrad = false): void => {
  CLASSES.set(name, tensorClass(name, dtype, requiresGrad));
};
nameClass("torch.Tensor");
nameClass("torch.autograd.variable.Variable");
nameClass("torch.nn.parameter.Parameter", null, true);
for (const [name, dtype] of Object.entries(TYPED_CLASSES)) {
  nameClass(`torch.${name}`, dtype);
  nameClass(`torch.cuda.${name}`, dtype);
}

const named = (name: string, make: (name: string) => Call): [string, Call] => [name, make(name)];

/** What makes a tensor from nothing but a storage or another tensor. */
const REBUILDS: ReadonlyMap<string, Call> = new Map([
  named("torch._utils._rebuild_tensor", (name) => rebuildTensor(name, 4, 4)),
  named("torch._utils._rebuild_tensor_v2", (name) => rebuildTensor(name, 6, 7)),
  named("torch._utils._rebuild_tensor_v3", rebuildTensorV3),
  named("torch._utils._rebuild_parameter", (name) => rebuildParameter(name, 3)),
  named("torch._utils._rebuild_parameter_with_state", (name) => rebuildParameter(name, 4)),
  named("torch._utils._rebuild_device_tensor_from_numpy", rebuildDeviceTensor),
  named("torch._utils._rebuild_device_tensor_from_cpu_tensor", rebuildDeviceTensor),
  named("torch._utils._rebuild_xla_tensor", rebuildDeviceTensor),
]);

/** A call that is charged for the tensor on the host that will be made of its result. */
const charged =
  (call: Call): Call =>
  (args, budget) => {
    budget.spend(COST.tensor);
    return call(args, budget);
  };

/** Everything that makes a tensor, by its name in a pickle. */
export const TENSOR_CALLS: ReadonlyMap<string, Call> = new Map(
  [
    ...CLASSES,
    ...REBUILDS,
    named("torch._tensor._rebuild_from_type", rebuildFromType),
    named("torch._tensor._rebuild_from_type_v2", rebuildFromType),
  ].map(([name, call]) => [name, charged(call)]),
);
