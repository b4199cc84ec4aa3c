/** What torch's pickles may refer to: the fixed list of globals, storages by persistent id, and state by `BUILD`. */

import { CheckpointError } from "../errors.js";
import type { Budget } from "../limits.js";
import type { Environment } from "../pickle/unpickler.js";
import { OrderedDict, PythonObject, Tuple } from "../values.js";
import { describe, integer, text } from "./arguments.js";
import { findGlobal, StorageClass } from "./globals.js";
import { NumpyArray, NumpyDtype } from "./numpy.js";
import { OldTensor } from "./rebuild.js";
import type { StorageReference } from "./stored-tensor.js";

const bad = (message: string): CheckpointError => new CheckpointError("bad-pickle", message);

/** A storage as a persistent id describes it. */
export interface StorageClaim {
  readonly class: StorageClass;
  readonly key: string;
  /** Elements; bytes for an untyped storage. */
  readonly length: number;
  /** A view of the storage (legacy files): `(key, first element, elements)`. */
  readonly view: unknown;
}

export function torchEnvironment(budget: Budget, resolve: (claim: StorageClaim) => StorageReference): Environment {
  return {
    budget,
    findGlobal,
    persistentLoad: (id) => resolve(parsePersistentId(id)),
    build: (object, state) => build(object, state, budget),
  };
}

/** An environment for pickles that are plain values: magic numbers, lists of keys. */
export function plainEnvironment(budget: Budget): Environment {
  return torchEnvironment(budget, () => {
    throw bad("a storage is named outside the pickle of the value");
  });
}

/** `("storage", class, key, location, length)`, in legacy files with a view behind it. */
function parsePersistentId(id: unknown): StorageClaim {
  if (!(id instanceof Tuple) || id.length < 5 || id.length > 6 || id[0] !== "storage")
    throw bad(`a persistent id is ${describe(id)}, expected ("storage", class, key, location, length)`);
  const [, storageClass, key, location, length, view = null] = id as unknown[];
  if (location === "meta")
    throw new CheckpointError(
      "unsupported",
      `storage ${describe(key)} is on the device "meta", which holds no data. In Python, load or compute the weights before saving`,
    );
  if (!(storageClass instanceof StorageClass))
    throw new CheckpointError(
      "unsupported",
      `storage ${describe(key)} is of class ${describe(storageClass)}, no storage`,
    );
  return {
    class: storageClass,
    key: typeof key === "number" ? String(key) : text(key, "the key of a storage"),
    length: integer(length, "the length of a storage"),
    view,
  };
}

function build(object: unknown, state: unknown, budget: Budget): void {
  if (object instanceof NumpyDtype || object instanceof NumpyArray || object instanceof OldTensor) {
    object.setState(state, budget);
    return;
  }
  if (!(object instanceof OrderedDict) && !(object instanceof PythonObject))
    throw bad(`${describe(object)} cannot be given attributes`);
  if (!(state instanceof Map)) throw bad(`${describe(object)} is given ${describe(state)} as its attributes`);
  for (const [name, value] of state) object.attributes.set(text(name, "the name of an attribute"), value);
}
