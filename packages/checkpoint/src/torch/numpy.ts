/** numpy arrays and scalars in a pickle: arrays become tensors, scalars become numbers (or text). */

import { convertHost, type DType, dtypeInfo, type TypedArray } from "@kindling/core";
import { NUMPY_DTYPES } from "../dtypes.js";
import { CheckpointError } from "../errors.js";
import type { Budget } from "../limits.js";
import { costOf } from "../pickle/cost.js";
import { narrow } from "../pickle/reader.js";
import { GlobalReference } from "../pickle/unpickler.js";
import { swapBytes, typedArray } from "../tensor.js";
import { Complex, Tuple } from "../values.js";
import { bytesOf, checkCount, describe, flag, integers, text } from "./arguments.js";
import { StorageReference, StoredTensor } from "./stored-tensor.js";

const bad = (message: string): CheckpointError => new CheckpointError("bad-pickle", message);

/** Strings: `S` of bytes, `U` of code points in four bytes each; both padded with zeros. */
type TextKind = "S" | "U";

/** A `numpy.dtype` on the stack of the pickle machine. */
export class NumpyDtype {
  bigEndian = false;

  private constructor(
    private readonly elements: DType | TextKind,
    /** numpy's name, for messages. */
    private readonly code: string,
  ) {}

  static of(args: readonly unknown[]): NumpyDtype {
    checkCount(args, 1, 3, "numpy.dtype");
    const code = text(args[0], "numpy.dtype");
    const bare = code.replace(/^[<>=|]/, "");
    const elements = /^[SU]\d+$/.test(bare) ? (bare[0] as TextKind) : NUMPY_DTYPES.get(bare);
    if (elements === undefined)
      throw new CheckpointError(
        "unsupported",
        `the file holds a numpy value of dtype ${describe(code)}, which is no plain number. ` +
          "In Python, save it as a list, or as an array of numbers",
      );
    const made = new NumpyDtype(elements, code);
    made.bigEndian = code.startsWith(">");
    return made;
  }

  /** `(version, byte order, …)`. */
  setState(state: unknown): void {
    if (!(state instanceof Tuple) || state.length < 2) throw bad(`numpy.dtype gets ${describe(state)} as its state`);
    const order = text(state[1], "the byte order of numpy.dtype");
    if (!/^[<>=|]$/.test(order)) throw bad(`${describe(order)} is no byte order`);
    this.bigEndian = order === ">";
  }

  /** The kind of text of its values; undefined for numbers. */
  get textKind(): TextKind | undefined {
    return this.elements === "S" || this.elements === "U" ? this.elements : undefined;
  }

  /** The type of its numbers; an `unsupported` error for text. */
  get dtype(): DType {
    if (this.elements === "S" || this.elements === "U")
      throw new CheckpointError(
        "unsupported",
        `the file holds a numpy array of text (dtype ${this.code}). In Python, save array.tolist() instead`,
      );
    return this.elements;
  }
}

let arrays = 0;

/** A tensor whose numbers came in the pickle itself; `length` of them, which `read` copies when they are wanted. */
function inMemory(
  dtype: DType,
  bigEndian: boolean,
  shape: readonly number[],
  strides: readonly number[],
  length: number,
  read: () => Uint8Array<ArrayBuffer>,
): StoredTensor {
  const bytes = length * dtypeInfo(dtype).bytes;
  const storage = { key: `numpy ${++arrays}`, bytes, position: 0, bigEndian, read: async () => read() };
  const tensor = StoredTensor.view(new StorageReference(storage, dtype, length), dtype, 0, shape, strides, false);
  if (tensor.length !== length)
    throw bad(`a numpy.ndarray of shape [${shape}] and dtype ${dtype} has ${bytes} bytes of data`);
  return tensor;
}

/** A `numpy.ndarray`, empty until its state arrives. */
export class NumpyArray {
  private stored: StoredTensor | undefined;
  private data: Uint8Array = new Uint8Array(0);

  /** `(version, shape, dtype, Fortran order, bytes)`. The bytes are charged for: those of Python 2 are a copy of a text. */
  setState(state: unknown, budget: Budget): void {
    if (!(state instanceof Tuple)) throw bad(`numpy.ndarray gets ${describe(state)} as its state`);
    checkCount(state, 5, 5, "the state of numpy.ndarray");
    const [, shape, dtype, fortran, data] = state as unknown[];
    budget.spend(costOf(data));
    this.fill(dtype, shape, flag(fortran, "Fortran order"), data);
  }

  fill(dtype: unknown, shapeValue: unknown, fortran: boolean, data: unknown): void {
    if (!(dtype instanceof NumpyDtype)) throw bad(`numpy.ndarray has ${describe(dtype)} as its dtype`);
    if (Array.isArray(data))
      throw new CheckpointError("unsupported", "a numpy.ndarray of Python objects cannot be loaded");
    const shape = integers(shapeValue, "the shape of numpy.ndarray");
    const strides = fortran ? rowMajor([...shape].reverse()).reverse() : rowMajor(shape);
    const bytes = bytesOf(data, "the data of numpy.ndarray");
    this.data = bytes;
    const length = bytes.length / dtypeInfo(dtype.dtype).bytes;
    this.stored = inMemory(dtype.dtype, dtype.bigEndian, shape, strides, length, () => new Uint8Array(bytes));
  }

  get tensor(): StoredTensor {
    if (this.stored === undefined) throw bad("a numpy.ndarray is never given its data");
    return this.stored;
  }

  /** The array with its numbers converted to another dtype. */
  as(dtype: DType): StoredTensor {
    const { tensor, data } = this;
    if (tensor.dtype === dtype) return tensor;
    return inMemory(dtype, false, tensor.shape, tensor.strides, tensor.length, () => {
      const numbers = numbersOf(data, tensor.dtype, tensor.storage.bigEndian);
      const converted = convertHost(numbers, tensor.dtype, dtype);
      return new Uint8Array(converted.buffer as ArrayBuffer, converted.byteOffset, converted.byteLength);
    });
  }
}

/** A copy of numbers, in the byte order of this machine. */
function numbersOf(data: Uint8Array, dtype: DType, bigEndian: boolean): TypedArray {
  const bytes = new Uint8Array(data);
  if (bigEndian) swapBytes(bytes, dtype);
  return typedArray(dtype, bytes);
}

function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/** `numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b"b")`: an array whose state is to come. */
function reconstruct(args: readonly unknown[]): NumpyArray {
  checkCount(args, 3, 3, "numpy.core.multiarray._reconstruct");
  const [type] = args;
  if (!(type instanceof GlobalReference) || type.name !== "numpy.ndarray")
    throw bad(`numpy.core.multiarray._reconstruct makes ${describe(type)}, not a numpy.ndarray`);
  return new NumpyArray();
}

/** `numpy.core.numeric._frombuffer(bytes, dtype, shape, "C" or "F")`: an array in protocol 5. */
function fromBuffer(args: readonly unknown[]): NumpyArray {
  checkCount(args, 4, 4, "numpy.core.numeric._frombuffer");
  const [data, dtype, shape, order] = args;
  if (order !== "C" && order !== "F") throw bad(`${describe(order)} is no order of a numpy.ndarray`);
  const array = new NumpyArray();
  array.fill(dtype, shape, order === "F", data);
  return array;
}

type Scalar = number | bigint | boolean | string | Complex | Uint8Array;

/** `numpy.core.multiarray.scalar(dtype, bytes)`. */
function scalar(args: readonly unknown[]): Scalar {
  checkCount(args, 2, 2, "numpy.core.multiarray.scalar");
  const [dtype, data] = args;
  if (!(dtype instanceof NumpyDtype)) throw bad(`a numpy scalar has ${describe(dtype)} as its dtype`);
  const bytes = bytesOf(data, "the value of a numpy scalar");
  if (dtype.textKind !== undefined) return textScalar(bytes, dtype);
  if (bytes.length !== dtypeInfo(dtype.dtype).bytes) throw bad(`a numpy ${dtype.dtype} of ${bytes.length} bytes`);
  const values = numbersOf(bytes, dtype.dtype, dtype.bigEndian);
  const [first] = values;
  if (typeof first === "bigint") return narrow(first);
  if (dtype.dtype === "bool") return first !== 0;
  if (dtypeInfo(dtype.dtype).kind === "complex") return new Complex(first, Number(values[1]));
  return Number(convertHost(values, dtype.dtype, "float64")[0]);
}

/** A `numpy.str_` or `numpy.bytes_`, without the zeros behind it. */
function textScalar(bytes: Uint8Array, { textKind, bigEndian }: NumpyDtype): string | Uint8Array {
  if (textKind === "S") return bytes.slice(0, bytes.findLastIndex((byte) => byte !== 0) + 1);
  if (bytes.length % 4 !== 0) throw bad(`a numpy.str_ of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let string = "";
  for (let i = 0; i < bytes.length; i += 4) {
    const point = view.getUint32(i, !bigEndian);
    if (point > 0x10ffff) throw bad("a numpy.str_ has a character beyond Unicode");
    string += String.fromCodePoint(point);
  }
  return string.replace(/\0+$/, "");
}

function notCalled(): never {
  throw bad("numpy.ndarray is called, which is not how arrays are pickled");
}

/** What makes arrays, scalars and their dtypes, by name (numpy 2 has moved its modules to `numpy._core`). */
export const NUMPY_CALLS: ReadonlyMap<string, (args: readonly unknown[]) => unknown> = new Map<
  string,
  (args: readonly unknown[]) => unknown
>([
  ["numpy.dtype", (args) => NumpyDtype.of(args)],
  ["numpy.ndarray", notCalled],
  ["numpy.core.multiarray.scalar", scalar],
  ["numpy.core.multiarray._reconstruct", reconstruct],
  ["numpy.core.numeric._frombuffer", fromBuffer],
]);
