/**
 * The fixed list of Python names that a checkpoint may use, and what each means here. Everything else is refused by name.
 */

import type { DType } from "@kindling/core";
import { TORCH_DTYPES, TORCH_STORAGES } from "../dtypes.js";
import { CheckpointError } from "../errors.js";
import type { Budget } from "../limits.js";
import { latin1Bytes } from "../pickle/text.js";
import { GlobalReference } from "../pickle/unpickler.js";
import { encodeUtf8 } from "../utf8.js";
import {
  Complex,
  FrozenSet,
  newDict,
  OrderedDict,
  PLAIN_CLASSES,
  PythonObject,
  type PythonValue,
  size,
  TorchDevice,
  TorchDtype,
  Tuple,
} from "../values.js";
import { checkCount, describe, flag, integer, integers, text } from "./arguments.js";
import { NumpyArray, NumpyDtype, numpyScalar } from "./numpy.js";
import { StorageReference, StoredTensor } from "./stored-tensor.js";

/** A storage class: `dtype` is null for storages counted in bytes. */
export class StorageClass extends GlobalReference {
  constructor(
    name: string,
    readonly dtype: DType | null,
  ) {
    super(name, () => {
      throw new CheckpointError("bad-pickle", `${name} is called; storages come by persistent id`);
    });
  }
}

type Call = (args: readonly unknown[], budget: Budget) => unknown;

const bad = (message: string): CheckpointError => new CheckpointError("bad-pickle", message);

/** `[[key, value], …]`, as old Pythons pickle the items of a mapping. */
function fillFromPairs<M extends Map<unknown, unknown>>(map: M, pairs: unknown, what: string): M {
  if (pairs instanceof Map) for (const [key, value] of pairs) map.set(key, value);
  else if (Array.isArray(pairs)) {
    for (const pair of pairs) {
      if (!Array.isArray(pair) || pair.length !== 2) throw bad(`${what} is made of something that is not pairs`);
      const [key, value] = pair as unknown[];
      if (typeof key === "object" && key !== null && !(key instanceof Tuple))
        throw bad(`${what} has an unhashable key`);
      map.set(key, value);
    }
  } else throw bad(`${what} is made from ${describe(pairs)}`);
  return map;
}

function items(args: readonly unknown[], what: string): unknown[] {
  checkCount(args, 0, 1, what);
  const [list = []] = args;
  if (list instanceof Set) return [...list];
  if (!Array.isArray(list)) throw bad(`${what} is made from ${describe(list)}`);
  return list;
}

function set(args: readonly unknown[], into: Set<unknown>, what: string): Set<unknown> {
  for (const item of items(args, what)) {
    if (typeof item === "object" && item !== null && !(item instanceof Tuple || item instanceof FrozenSet))
      throw bad(`${what} has an unhashable member`);
    into.add(item);
  }
  return into;
}

/** `_codecs.encode(text, encoding)`: how protocol 2 writes bytes. */
function encode(args: readonly unknown[]): Uint8Array {
  checkCount(args, 1, 2, "_codecs.encode");
  const string = text(args[0], "the text of _codecs.encode");
  const encoding = args.length > 1 ? text(args[1], "the encoding of _codecs.encode") : "utf-8";
  if (/^utf-?8$/i.test(encoding)) return encodeUtf8(string);
  const bytes = /^(latin-?1|iso-?8859-?1)$/i.test(encoding) ? latin1Bytes(string) : undefined;
  if (bytes === undefined) throw bad(`_codecs.encode cannot encode this text as ${encoding}`);
  return bytes;
}

function byteString(args: readonly unknown[], what: string): Uint8Array {
  if (args.length === 2) return encode(args);
  checkCount(args, 0, 1, what);
  if (args.length === 0) return new Uint8Array(0);
  if (args[0] instanceof Uint8Array) return args[0];
  const values = integers(args[0], what);
  if (values.some((value) => value < 0 || value > 255)) throw bad(`${what} has a value that is no byte`);
  return Uint8Array.from(values);
}

/** `_rebuild_tensor(storage, offset, size, stride)` and what later versions added behind it. */
function rebuildTensor(args: readonly unknown[], name: string): StoredTensor {
  const [least, most] = name.endsWith("_v3") ? [7, 8] : name.endsWith("_v2") ? [6, 7] : [4, 4];
  checkCount(args, least, most, name);
  const [storage, offset, shape, strides, requiresGrad = false, , dtype] = args;
  if (!(storage instanceof StorageReference)) throw bad(`${name}: the storage is ${describe(storage)}`);
  let type = storage.dtype ?? "uint8";
  if (name.endsWith("_v3")) {
    const named = dtype instanceof TorchDtype ? TORCH_DTYPES.get(dtype.name) : undefined;
    if (named === undefined) throw bad(`${name}: the dtype is ${describe(dtype)}`);
    type = named;
  }
  return StoredTensor.view(
    storage,
    type,
    integer(offset, `${name}: the storage offset`),
    integers(shape, `${name}: the size`),
    integers(strides, `${name}: the stride`),
    flag(requiresGrad, `${name}: requires_grad`),
  );
}

/** `_rebuild_parameter(data, requires_grad, hooks)`; with a seventh-version `state`, which is left out. */
function rebuildParameter(args: readonly unknown[], name: string): StoredTensor {
  checkCount(args, 3, name.endsWith("_with_state") ? 4 : 3, name);
  const [data, requiresGrad] = args;
  if (!(data instanceof StoredTensor)) throw bad(`${name}: the data is ${describe(data)}, not a tensor`);
  return data.withRequiresGrad(flag(requiresGrad, `${name}: requires_grad`));
}

/** `_rebuild_from_type_v2(function, type, args, state)`: a tensor with Python attributes, which are left out. */
function rebuildFromType(args: readonly unknown[], budget: Budget, name: string): unknown {
  checkCount(args, 4, 4, name);
  const [callee, , inner] = args;
  if (!(callee instanceof GlobalReference) || !callee.name.includes("_rebuild_") || callee.name === name)
    throw bad(`${name}: ${describe(callee)} does not rebuild a tensor`);
  if (!(inner instanceof Tuple)) throw bad(`${name}: the arguments are ${describe(inner)}`);
  return callee.call(inner, budget);
}

/** `torch.device(type, index)` or `torch.device("cuda:0")`. */
function device(args: readonly unknown[]): TorchDevice {
  checkCount(args, 1, 2, "torch.device");
  const parts = /^([a-z]+)(?::(\d+))?$/.exec(text(args[0], "torch.device"));
  if (!parts) throw bad(`torch.device is made from ${describe(args[0])}`);
  const index = args.length > 1 && args[1] !== null ? integer(args[1], "the index of torch.device") : parts[2];
  return new TorchDevice(parts[1], index === undefined ? null : Number(index));
}

const notCalled =
  (name: string): Call =>
  () => {
    throw bad(`${name} is called, which is not what torch.save writes`);
  };

const CALLS: Record<string, Call> = {
  "collections.OrderedDict": (args) => {
    checkCount(args, 0, 1, "collections.OrderedDict");
    return args.length === 0 ? new OrderedDict() : fillFromPairs(new OrderedDict(), args[0], "collections.OrderedDict");
  },
  "collections.defaultdict": (args) => {
    checkCount(args, 0, 2, "collections.defaultdict");
    return args.length < 2 ? newDict() : fillFromPairs(newDict(), args[1], "collections.defaultdict");
  },
  "collections.Counter": (args) => fillFromPairs(newDict(), args[0] ?? [], "collections.Counter"),
  "collections.deque": (args) => {
    checkCount(args, 0, 2, "collections.deque");
    return [...items(args.slice(0, 1), "collections.deque")];
  },
  "builtins.set": (args) => set(args, new Set(), "set"),
  "builtins.frozenset": (args) => set(args, new FrozenSet(), "frozenset"),
  "builtins.list": (args) => [...items(args, "list")],
  "builtins.tuple": (args) => Tuple.from(items(args, "tuple") as PythonValue[]),
  "builtins.dict": (args) => fillFromPairs(newDict(), args[0] ?? [], "dict"),
  "builtins.bytes": (args) => byteString(args, "bytes"),
  "builtins.bytearray": (args) => byteString(args, "bytearray"),
  "builtins.complex": (args) => {
    checkCount(args, 2, 2, "complex");
    if (typeof args[0] !== "number" || typeof args[1] !== "number") throw bad("complex is made from no numbers");
    return new Complex(args[0], args[1]);
  },
  "builtins.int": notCalled("int"),
  "builtins.float": notCalled("float"),
  "builtins.str": notCalled("str"),
  "builtins.bool": notCalled("bool"),
  "_codecs.encode": encode,
  "torch.Size": (args) => {
    checkCount(args, 1, 1, "torch.Size");
    return size(integers(args[0], "torch.Size"));
  },
  "torch.device": device,
  "torch.Tensor": notCalled("torch.Tensor"),
  "torch.nn.parameter.Parameter": notCalled("torch.nn.parameter.Parameter"),
  "torch._utils._rebuild_tensor": (args) => rebuildTensor(args, "torch._utils._rebuild_tensor"),
  "torch._utils._rebuild_tensor_v2": (args) => rebuildTensor(args, "torch._utils._rebuild_tensor_v2"),
  "torch._utils._rebuild_tensor_v3": (args) => rebuildTensor(args, "torch._utils._rebuild_tensor_v3"),
  "torch._utils._rebuild_parameter": (args) => rebuildParameter(args, "torch._utils._rebuild_parameter"),
  "torch._utils._rebuild_parameter_with_state": (args) =>
    rebuildParameter(args, "torch._utils._rebuild_parameter_with_state"),
  "torch._tensor._rebuild_from_type": (args, budget) =>
    rebuildFromType(args, budget, "torch._tensor._rebuild_from_type"),
  "torch._tensor._rebuild_from_type_v2": (args, budget) =>
    rebuildFromType(args, budget, "torch._tensor._rebuild_from_type_v2"),
  "numpy.dtype": (args) => NumpyDtype.of(args),
  "numpy.ndarray": notCalled("numpy.ndarray"),
  "numpy.core.multiarray.scalar": (args) => numpyScalar(args),
  "numpy.core.multiarray._reconstruct": () => new NumpyArray(),
};

/** Names that Python 2, or another version of a library, gives to the same thing. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["__builtin__", "builtins"],
  ["numpy._core.multiarray", "numpy.core.multiarray"],
]);

const KNOWN = new Map<string, unknown>();
for (const [name, call] of Object.entries(CALLS)) KNOWN.set(name, new GlobalReference(name, call));
for (const name of PLAIN_CLASSES) {
  const make: Call = (args) => {
    checkCount(args, 0, 0, name);
    return new PythonObject(name);
  };
  KNOWN.set(name, new GlobalReference(name, make));
}
for (const [name, dtype] of TORCH_STORAGES) {
  KNOWN.set(`torch.${name}`, new StorageClass(`torch.${name}`, dtype));
  KNOWN.set(`torch.cuda.${name}`, new StorageClass(`torch.cuda.${name}`, dtype));
}
for (const name of ["torch.storage.UntypedStorage", "torch.UntypedStorage"])
  KNOWN.set(name, new StorageClass(name, null));
for (const name of TORCH_DTYPES.keys()) KNOWN.set(`torch.${name}`, new TorchDtype(name));

/** What `module.name` means in a checkpoint; a `forbidden-global` error for everything that is not on the list. */
export function findGlobal(module: string, name: string): unknown {
  const known = KNOWN.get(`${ALIASES.get(module) ?? module}.${name}`);
  if (known === undefined) throw refusal(`${module}.${name}`);
  return known;
}

function refusal(name: string): CheckpointError {
  return new CheckpointError("forbidden-global", `the file asks for ${name}, which is not loaded. ${advice(name)}`);
}

/** Modules that run programs, reach files and networks, or give access to the interpreter. */
const RUNS_CODE =
  /^(os|posix|nt|sys|subprocess|builtins|__builtin__|importlib|runpy|code|codeop|pty|shutil|socket|ctypes|operator|functools|types|pickle|_pickle|marshal|webbrowser|commands|asyncio|multiprocessing|threading|signal|pdb|timeit|urllib|http|requests|constructor)\./;

/** What the person who made the file can do instead. */
function advice(name: string): string {
  if (/^torch\._utils\._rebuild_(sparse|nested)/.test(name))
    return "Sparse and nested tensors are not supported: in Python, save tensor.to_dense() instead.";
  if (/_rebuild_qtensor$|^torch\.Q|^torch\.ao\.|^torch\.nn\.quantized/.test(name))
    return "Quantized tensors are not supported: in Python, save tensor.dequantize() instead.";
  if (/_rebuild_meta_tensor/.test(name))
    return "It stands for a tensor without data: in Python, load the weights before saving.";
  if (RUNS_CODE.test(name))
    return "Nothing was run. No checkpoint of weights needs this name: do not load the file in Python either.";
  return "It holds a Python object, not only weights: in Python, save torch.save(model.state_dict(), path) instead.";
}
