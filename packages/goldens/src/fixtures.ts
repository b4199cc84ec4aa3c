/** Finds a set of fixtures and reads its files: JSON (plain or gzipped) and safetensors. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { type DType, fromHost, type Tensor, type TypedArray } from "@kindling/core";

const package_ = fileURLToPath(new URL("..", import.meta.url));

/** `KINDLING_FIXTURES`, else the full set beside the repository, else the small one inside this package. */
export function fixtureDirectory(): string {
  const named = process.env.KINDLING_FIXTURES;
  if (named) {
    if (!existsSync(named)) throw new Error(`KINDLING_FIXTURES=${named}: no such directory`);
    return resolve(named);
  }
  const beside = resolve(package_, "../../../shared/fixtures");
  return existsSync(beside) ? beside : join(package_, "fixtures");
}

/** The file itself or its gzipped form, whichever the set has; undefined where it has neither. */
function locate(path: string): string | undefined {
  return [path, `${path}.gz`].find((candidate) => existsSync(candidate));
}

/** Whether the set has a file (plain or gzipped). */
export const hasFile = (path: string): boolean => locate(path) !== undefined;

/** A file's bytes, unpacked if it is gzipped. */
export function readBytes(path: string): Uint8Array<ArrayBuffer> {
  const found = locate(path);
  if (!found) throw new Error(`the fixtures have no ${path}`);
  const bytes = readFileSync(found);
  return Uint8Array.from(found.endsWith(".gz") ? gunzipSync(bytes) : bytes);
}

/** A JSON file of the set. */
export function readJson<T>(path: string): T {
  return JSON.parse(new TextDecoder().decode(readBytes(path))) as T;
}

/** Names (`resnet18@224`) of the JSON fixtures in a folder of the set, sorted. */
export function fixtureNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => /\.json(\.gz)?$/.test(file));
  return files.map((file) => file.replace(/\.json(\.gz)?$/, "")).sort();
}

/** A tensor as a safetensors file stores it. */
export interface Stored {
  dtype: DType;
  shape: number[];
  data: TypedArray;
}

type Kind = { dtype: DType; array: new (buffer: ArrayBuffer) => TypedArray };

const KINDS: Readonly<Record<string, Kind>> = {
  F32: { dtype: "float32", array: Float32Array },
  F64: { dtype: "float64", array: Float64Array },
  I64: { dtype: "int64", array: BigInt64Array },
  I32: { dtype: "int32", array: Int32Array },
  U8: { dtype: "uint8", array: Uint8Array },
  BOOL: { dtype: "bool", array: Uint8Array },
};

/** The tensors of a safetensors file by name: u64 header length, JSON header, raw little-endian data. */
export function readSafetensors(path: string): Map<string, Stored> {
  const bytes = readBytes(path);
  const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, Stored>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const kind = KINDS[entry.dtype];
    if (!kind) throw new Error(`${path}: ${name} has the dtype ${entry.dtype}, which no fixture is known to use`);
    const [from, to] = entry.data_offsets.map((offset) => 8 + headerLength + offset);
    const data = new kind.array(bytes.slice(from, to).buffer);
    tensors.set(name, { dtype: kind.dtype, shape: entry.shape, data });
  }
  return tensors;
}

/** A tensor of ours with the values of a stored one. */
export function toTensor(stored: Stored, requiresGrad = false): Tensor {
  const tensor = fromHost(stored.data, stored.shape, stored.dtype);
  tensor.requiresGrad = requiresGrad;
  return tensor;
}
