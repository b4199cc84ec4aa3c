/**
 * The fixed list of Python names that a checkpoint may use, and what each means here. Everything else is refused by name.
 */

import type { DType } from "@kindling/core";
import { OTHER_TORCH_DTYPES, TORCH_DTYPES, TORCH_STORAGES } from "../dtypes.js";
import { CheckpointError } from "../errors.js";
import type { Budget } from "../limits.js";
import { GlobalReference } from "../pickle/unpickler.js";
import { size, TorchDevice, TorchDtype } from "../values.js";
import { checkCount, describe, integer, integers, text } from "./arguments.js";
import { NUMPY_CALLS } from "./numpy.js";
import { TENSOR_CALLS } from "./rebuild.js";
import { refusal } from "./refusals.js";
import { STANDARD_CALLS } from "./standard-library.js";

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

/** `torch.device(type, index)` or `torch.device("cuda:0")`. */
function device(args: readonly unknown[]): TorchDevice {
  checkCount(args, 1, 2, "torch.device");
  const parts = /^([a-z]\w*)(?::(\d+))?$/.exec(text(args[0], "torch.device"));
  if (!parts) throw new CheckpointError("bad-pickle", `torch.device is made from ${describe(args[0])}`);
  const index = args.length > 1 && args[1] !== null ? integer(args[1], "the index of torch.device") : parts[2];
  return new TorchDevice(parts[1], index === undefined ? null : Number(index));
}

function torchSize(args: readonly unknown[]) {
  checkCount(args, 1, 1, "torch.Size");
  return size(integers(args[0], "torch.Size"));
}

/** Modules under the names that Python 2, or another version of a library, gives them. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["__builtin__", "builtins"],
  ["copy_reg", "copyreg"],
  ["pathlib._local", "pathlib"],
  ["numpy._core.multiarray", "numpy.core.multiarray"],
  ["numpy._core.numeric", "numpy.core.numeric"],
]);

/** Storages counted in bytes, by their names since 1.12. */
const UNTYPED_STORAGES = ["UntypedStorage", "_UntypedStorage"].flatMap((name) => [
  `torch.storage.${name}`,
  `torch.${name}`,
]);

function knownNames(): ReadonlyMap<string, unknown> {
  const calls: Iterable<readonly [string, Call]> = [
    ["torch.Size", torchSize],
    ["torch.device", device],
    ...STANDARD_CALLS,
    ...NUMPY_CALLS,
    ...TENSOR_CALLS,
  ];
  const known = new Map<string, unknown>();
  for (const [name, call] of calls) known.set(name, new GlobalReference(name, call));
  for (const [name, dtype] of TORCH_STORAGES)
    for (const full of [`torch.${name}`, `torch.cuda.${name}`]) known.set(full, new StorageClass(full, dtype));
  for (const name of UNTYPED_STORAGES) known.set(name, new StorageClass(name, null));
  for (const name of [...TORCH_DTYPES.keys(), ...OTHER_TORCH_DTYPES]) known.set(`torch.${name}`, new TorchDtype(name));
  return known;
}

const KNOWN = knownNames();

/** What `module.name` means in a checkpoint; a `forbidden-global` error for everything that is not on the list. */
export function findGlobal(module: string, name: string): unknown {
  const known = KNOWN.get(`${ALIASES.get(module) ?? module}.${name}`);
  if (known === undefined) throw refusal(`${module}.${name}`);
  return known;
}
