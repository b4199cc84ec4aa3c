/**
 * Python values in JavaScript: what a pickle can hold once it is loaded, and what `save` accepts.
 *
 * | Python | loaded as | saved from |
 * |---|---|---|
 * | `None`, `True`, `False` | `null`, `true`, `false` | the same (`undefined` too is `None`) |
 * | `int` | `number` within ±(2^53 − 1), else `bigint` | `bigint`, or a safe integer |
 * | `float` | `number` | any other number, −0 among them; `new Float(1)` where a whole one is to be a float |
 * | `str`, paths of `pathlib` | `string` | `string` |
 * | `bytes`, `bytearray` | `Uint8Array` | `Uint8Array` |
 * | `list` (also `deque`) | `Array` | `Array` |
 * | `tuple`, `torch.Size` | `Tuple`, `Size`: arrays | the same, or a frozen array |
 * | `dict` (also `defaultdict`, `Counter`) | `Map` | `Map`, or a plain object with string keys |
 * | `OrderedDict` | `OrderedDict`: a `Map` with `metadata` | the same, or a `Map` of names to tensors (a state dict) |
 * | `set`, `frozenset` | `Set`, `FrozenSet` | the same |
 * | `complex` | `Complex` | the same |
 * | `torch.dtype`, `torch.device` | `TorchDtype`, `TorchDevice` | the same |
 * | `argparse.Namespace`, `types.SimpleNamespace` | `PythonObject` | the same |
 * | tensor, `Parameter`, numpy array | `Tensor` | `Tensor` |
 * | numpy scalar | `number`, `bigint`, `boolean`, `Complex`; of text `string` or `Uint8Array` | |
 * | `datetime`, `date`, `time` | `string`, as Python's `isoformat()` | |
 * | `timedelta` | `number` of seconds | |
 */

import type { Tensor } from "./tensor.js";

/** Anything that a checkpoint can hold. */
export type PythonValue =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Tensor
  | PythonValue[]
  | Map<PythonValue, PythonValue>
  | Set<PythonValue>
  | Complex
  | TorchDtype
  | TorchDevice
  | PythonObject
  | { [key: string]: PythonValue };

/**
 * A Python `tuple`: an array that is saved as a tuple. Make one with `tuple([1, 2])` or `Tuple.of(1, 2)`
 * (`new Tuple(3)` would be three holes, as with arrays); `map` and `filter` give plain arrays.
 */
export class Tuple<T extends PythonValue = PythonValue> extends Array<T> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

/** A `torch.Size`: a tuple of dimensions. */
export class Size extends Tuple<number> {}

/** A tuple of the items of a list. */
export const tuple = <T extends PythonValue>(items: readonly T[]): Tuple<T> => Tuple.from(items) as Tuple<T>;

/** A size of a list of dimensions. */
export const size = (dimensions: readonly number[]): Size => Size.from(dimensions) as Size;

/** A `collections.OrderedDict`: a `Map` that remembers the attributes set on the Python object. */
export class OrderedDict<K extends PythonValue = PythonValue, V extends PythonValue = PythonValue> extends Map<K, V> {
  /** What stood in the object's `__dict__`; torch puts `_metadata` there, the versions of a state dict's modules. */
  attributes: Map<PythonValue, PythonValue> = new Map();

  /** `_metadata` of a state dict: module name → `Map { "version" → number }`; undefined where there is none. */
  get metadata(): PythonValue {
    return this.attributes.get("_metadata");
  }

  set metadata(value: PythonValue) {
    this.attributes.set("_metadata", value);
  }
}

/** A Python `frozenset`: a `Set` that is saved as a frozenset. */
export class FrozenSet<T extends PythonValue = PythonValue> extends Set<T> {}

/**
 * A Python `float` even where its value is whole: JavaScript's 1.0 is the same number as 1, which is saved as an int.
 * Only for saving; a float is loaded as a number.
 */
export class Float {
  constructor(readonly value: number) {}
}

/** A Python `complex`. */
export class Complex {
  constructor(
    readonly re: number,
    readonly im: number,
  ) {}
}

/** A `torch.dtype` as a value, e.g. `new TorchDtype("float16")`; `name` is torch's, without `torch.`. */
export class TorchDtype {
  constructor(readonly name: string) {}

  toString(): string {
    return `torch.${this.name}`;
  }
}

/** A `torch.device` as a value, e.g. `new TorchDevice("cuda", 0)`. */
export class TorchDevice {
  constructor(
    readonly type: string,
    readonly index: number | null = null,
  ) {}

  toString(): string {
    return this.index === null ? this.type : `${this.type}:${this.index}`;
  }
}

/** A Python object that is nothing but attributes. Only the classes of `PLAIN_CLASSES` are read or written. */
export class PythonObject {
  constructor(
    /** Module and class, e.g. `argparse.Namespace`. */
    readonly className: string,
    /** The object's `__dict__`. */
    readonly attributes: Map<PythonValue, PythonValue> = new Map(),
  ) {}
}

/** Classes without code of their own: a name and attributes. */
export const PLAIN_CLASSES: readonly string[] = ["argparse.Namespace", "types.SimpleNamespace"];

const dicts = new WeakSet<Map<PythonValue, PythonValue>>();

/** An empty `Map` that is remembered to be a Python `dict`, so that a loaded dict of tensors saves as a dict again. */
export function newDict(): Map<PythonValue, PythonValue> {
  const dict = new Map<PythonValue, PythonValue>();
  dicts.add(dict);
  return dict;
}

/** Whether a map was loaded from a Python `dict`. */
export const isLoadedDict = (map: Map<PythonValue, PythonValue>): boolean => dicts.has(map);
