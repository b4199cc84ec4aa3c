// Writes small ONNX models: just as much of protobuf and of the ONNX schema as the peers' graphs need.
//
// The field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).

const FLOAT = 1;
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

/** @param {number} value a whole number ≥ 0, below 2^53 */
function varint(value) {
  const bytes = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.of(...bytes, rest);
}

/** @param {Uint8Array[]} parts */
function concat(parts) {
  const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** An integer field. @type {(field: number, value: number) => Uint8Array} */
const int = (field, value) => concat([varint(field * 8), varint(value)]);

/** A field of bytes: a text, raw data or a message. @type {(field: number, value: Uint8Array | string) => Uint8Array} */
function bytes(field, value) {
  const content = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return concat([varint(field * 8 + 2), varint(content.length), content]);
}

/** A 32-bit float field. @type {(field: number, value: number) => Uint8Array} */
const float = (field, value) => concat([varint(field * 8 + 5), new Uint8Array(Float32Array.of(value).buffer)]);

/** A field that holds a message made of fields. @type {(field: number, ...parts: Uint8Array[]) => Uint8Array} */
const message = (field, ...parts) => bytes(field, concat(parts));

/** GraphProto's input or output: a name and a shape. @type {(field: number, name: string, shape: number[]) => Uint8Array} */
function valueInfo(field, name, shape) {
  const dims = message(2, ...shape.map((size) => message(1, int(1, size))));
  return message(field, bytes(1, name), message(2, message(1, int(1, FLOAT), dims)));
}

/** @type {(name: string, value: number | number[]) => Uint8Array} */
function attribute(name, value) {
  if (Array.isArray(value)) {
    return message(5, bytes(1, name), int(20, ATTRIBUTE_INTS), ...value.map((one) => int(8, one)));
  }
  if (Number.isInteger(value)) return message(5, bytes(1, name), int(20, ATTRIBUTE_INT), int(3, value));
  return message(5, bytes(1, name), int(20, ATTRIBUTE_FLOAT), float(2, value));
}

/** A graph under construction: one input after another, one node after another, then `finish`. */
export class OnnxGraph {
  /** @type {Uint8Array[]} */
  #parts = [bytes(2, "graph")];
  #count = 0;

  /** Declares an input of the model and gives its name back. */
  input(/** @type {string} */ name, /** @type {number[]} */ shape) {
    this.#parts.push(valueInfo(11, name, shape));
    return name;
  }

  /** A constant of the model. @type {(shape: number[], data: Float32Array) => string} */
  weight(shape, data) {
    const name = `weight${this.#count++}`;
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#parts.push(message(5, ...shape.map((size) => int(1, size)), int(2, FLOAT), bytes(8, name), bytes(9, raw)));
    return name;
  }

  /**
   * One operator with one output, whose name is given back.
   *
   * @type {(op: string, inputs: string[], attributes?: Record<string, number | number[]>) => string}
   */
  node(op, inputs, attributes = {}) {
    const name = `value${this.#count++}`;
    const fields = Object.entries(attributes).map(([key, value]) => attribute(key, value));
    this.#parts.push(message(1, ...inputs.map((input) => bytes(1, input)), bytes(2, name), bytes(4, op), ...fields));
    return name;
  }

  /** The model's bytes. @type {(output: string, shape: number[]) => Uint8Array} */
  finish(output, shape) {
    const graph = message(7, ...this.#parts, valueInfo(12, output, shape));
    return concat([int(1, 8), message(8, int(2, 13)), graph]);
  }
}
