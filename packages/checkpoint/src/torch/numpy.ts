/** numpy arrays and scalars in a pickle: arrays become tensors, scalars become numbers. */

import { convertHost, type DType, dtypeInfo } from "@kindling/core";
import { NUMPY_DTYPES } from "../dtypes.js";
import { CheckpointError } from "../errors.js";
import { narrow } from "../pickle/reader.js";
import { swapBytes, typedArray } from "../tensor.js";
import { encodeUtf8 } from "../utf8.js";
import { Complex, Tuple } from "../values.js";
import { checkCount, describe, flag, integers, text } from "./arguments.js";
import { StorageReference, StoredTensor } from "./stored-tensor.js";

const bad = (message: string): CheckpointError => new CheckpointError("bad-pickle", message);

/** A `numpy.dtype` on the stack of the pickle machine. */
export class NumpyDtype {
  bigEndian = false;

  private constructor(readonly dtype: DType) {}

  static of(args: readonly unknown[]): NumpyDtype {
    checkCount(args, 1, 3, "numpy.dtype");
    const code = text(args[0], "numpy.dtype");
    const dtype = NUMPY_DTYPES.get(code.replace(/^[<>=|]/, ""));
    if (dtype === undefined)
      throw new CheckpointError("unsupported", `numpy.dtype ${describe(code)} holds no plain numbers`);
    const made = new NumpyDtype(dtype);
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
}

/** The bytes of numbers, which Python 2 pickles as text. */
function rawBytes(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return encodeUtf8(text(value, what));
}

let arrays = 0;

/** A `numpy.ndarray`, empty until its state arrives. */
export class NumpyArray {
  private stored: StoredTensor | undefined;

  /** `(version, shape, dtype, Fortran order, bytes)`. */
  setState(state: unknown): void {
    if (!(state instanceof Tuple)) throw bad(`numpy.ndarray gets ${describe(state)} as its state`);
    checkCount(state, 5, 5, "the state of numpy.ndarray");
    const [, shapeValue, dtype, fortran, data] = state as unknown[];
    if (!(dtype instanceof NumpyDtype)) throw bad(`numpy.ndarray has ${describe(dtype)} as its dtype`);
    if (Array.isArray(data))
      throw new CheckpointError("unsupported", "a numpy.ndarray of Python objects cannot be loaded");
    const bytes = rawBytes(data, "the data of numpy.ndarray");
    const shape = integers(shapeValue, "the shape of numpy.ndarray");
    const strides = flag(fortran, "Fortran order") ? rowMajor([...shape].reverse()).reverse() : rowMajor(shape);
    const storage = {
      key: `numpy ${++arrays}`,
      bytes: bytes.length,
      position: 0,
      bigEndian: dtype.bigEndian,
      read: async () => new Uint8Array(bytes),
    };
    const length = Math.floor(bytes.length / dtypeInfo(dtype.dtype).bytes);
    const reference = new StorageReference(storage, dtype.dtype, length);
    this.stored = StoredTensor.view(reference, dtype.dtype, 0, shape, strides, false);
  }

  get tensor(): StoredTensor {
    if (this.stored === undefined) throw bad("a numpy.ndarray is never given its data");
    return this.stored;
  }
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

/** `numpy.core.multiarray.scalar(dtype, bytes)`. */
export function numpyScalar(args: readonly unknown[]): number | bigint | boolean | Complex {
  checkCount(args, 2, 2, "numpy.core.multiarray.scalar");
  const [dtype, data] = args;
  if (!(dtype instanceof NumpyDtype)) throw bad(`a numpy scalar has ${describe(dtype)} as its dtype`);
  const bytes = new Uint8Array(rawBytes(data, "the value of a numpy scalar"));
  if (bytes.length !== dtypeInfo(dtype.dtype).bytes) throw bad(`a numpy ${dtype.dtype} of ${bytes.length} bytes`);
  if (dtype.bigEndian) swapBytes(bytes, dtype.dtype);
  const values = typedArray(dtype.dtype, bytes);
  const [first] = values;
  if (typeof first === "bigint") return narrow(first);
  if (dtype.dtype === "bool") return first !== 0;
  if (dtypeInfo(dtype.dtype).kind === "complex") return new Complex(first, Number(values[1]));
  return Number(convertHost(values, dtype.dtype, "float64")[0]);
}
