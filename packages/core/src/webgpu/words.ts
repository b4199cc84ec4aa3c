/** The host's layout of a dtype to the 32-bit words of this device's memory (`ELEMENT_BYTES`) and back. */

import type { ComputeDType, TypedArray } from "../dtype.js";
import { float16ToNumber, numberToFloat16 } from "../float16.js";

/** 32-bit words, of whatever type. */
export type Words = Float32Array | Int32Array | Uint32Array;

let halves: Float32Array | undefined;

/** The value of every half, by its bits. */
function halfValues(): Float32Array {
  halves ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => float16ToNumber(bits));
  return halves;
}

/** The words for elements in the host's layout; a view of `data` where it holds them already. */
export function toWords(data: TypedArray, dtype: ComputeDType): Words {
  switch (dtype) {
    case "float32":
    case "int32":
      return new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4);
    case "float16": {
      const values = halfValues();
      return Float32Array.from(data as Uint16Array, (bits) => values[bits]);
    }
    case "uint8":
      return new Int32Array(data as Uint8Array);
    case "bool":
      return Uint32Array.from(data as Uint8Array, (x) => (x ? 1 : 0));
  }
}

/** The host's layout for elements as words; `words` itself where that is the same. */
export function fromWords(words: ArrayBuffer, dtype: ComputeDType): ArrayBuffer {
  switch (dtype) {
    case "float32":
    case "int32":
      return words;
    case "float16":
      return Uint16Array.from(new Float32Array(words), numberToFloat16).buffer;
    case "uint8":
    case "bool":
      return new Uint8Array(new Uint32Array(words)).buffer;
  }
}
