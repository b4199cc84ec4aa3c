/** The header of a safetensors file: eight bytes of length, a JSON object, then the data without gaps. */

import { type DType, dtypeInfo } from "@kindling/core";
import { SAFETENSORS_DTYPES, SAFETENSORS_SUBBYTE_DTYPES } from "../dtypes.js";
import { CheckpointError, type CheckpointErrorKind } from "../errors.js";
import type { Budget } from "../limits.js";
import { COST } from "../pickle/cost.js";
import { quoted } from "../printable.js";
import { otherThanSafetensors } from "../recognise.js";
import { type ByteSource, readRange } from "../source.js";
import { JsonReader } from "./json.js";

/** The bound of the reference implementation. */
export const MAX_HEADER_BYTES = 100_000_000;

/** The length of the header, which comes first. */
export const LENGTH_BYTES = 8;

/** Estimate of what an entry and its tensor take beside strings, numbers and elements, erring high. */
const ENTRY_BYTES = 256 + COST.tensor;

export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** First byte, counted from the beginning of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface SafetensorsHeader {
  /** In the order of the header. */
  readonly entries: readonly SafetensorsEntry[];
  /** `__metadata__`: free text by name; undefined where there is none. */
  readonly metadata: ReadonlyMap<string, string> | undefined;
}

type Refuse = (why: string, kind?: CheckpointErrorKind) => CheckpointError;

/**
 * Reads and checks a header. What the format leaves open is read as its reference implementation does; what two readers
 * could understand differently is refused: keys given twice, fields it does not know, bytes that belong to no tensor or
 * to two.
 *
 * @param budget for the header and what becomes of it
 * @throws CheckpointError of kind `safetensors`, `truncated`, `unsupported` (a dtype), `limit`, or `not-a-checkpoint`
 */
export async function readHeader(source: ByteSource, budget: Budget): Promise<SafetensorsHeader> {
  const refuse: Refuse = (why, kind = "safetensors") => new CheckpointError(kind, `${source.name}: ${why}`);
  const other = await otherThanSafetensors(source);
  if (other !== undefined) throw refuse(other, "not-a-checkpoint");
  const prefix = await readRange(source, 0, LENGTH_BYTES, "the length of the safetensors header");
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES))
    throw refuse(`is no safetensors file: its header would take ${length} bytes (at most ${MAX_HEADER_BYTES})`);
  budget.spend(Number(length));
  const bytes = await readRange(source, LENGTH_BYTES, Number(length), "the safetensors header");
  if (bytes[0] !== 0x7b) throw refuse("is no safetensors file: its header does not begin with {");

  const json = new JsonReader(bytes, `${source.name}: the header`, budget);
  const dataStart = LENGTH_BYTES + bytes.length;
  const entries: SafetensorsEntry[] = [];
  let metadata: Map<string, string> | undefined;
  for (const name of json.keys()) {
    if (name === "__metadata__") metadata = parseMetadata(json);
    else {
      budget.spend(ENTRY_BYTES);
      entries.push(parseEntry(json, name, dataStart, refuse));
    }
  }
  json.end();
  checkCoverage(entries, dataStart, source.size, refuse);
  return { entries, metadata };
}

function parseMetadata(json: JsonReader): Map<string, string> {
  const metadata = new Map<string, string>();
  for (const key of json.keys()) metadata.set(key, json.string());
  return metadata;
}

function parseEntry(json: JsonReader, name: string, dataStart: number, refuse: Refuse): SafetensorsEntry {
  let dtypeName: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  for (const field of json.keys()) {
    if (field === "dtype") dtypeName = json.string();
    else if (field === "shape") shape = json.naturals();
    else if (field === "data_offsets") offsets = json.naturals();
    else throw refuse(`${quoted(name)} has the unknown field ${quoted(field)}`);
  }
  if (dtypeName === undefined || !shape || !offsets)
    throw refuse(`${quoted(name)} has not all of dtype, shape and data_offsets`);
  const dtype = dtypeOf(dtypeName, name, refuse);
  const [begin, end] = offsets;
  if (offsets.length !== 2 || begin > end)
    throw refuse(`data_offsets of ${quoted(name)} are ${list(offsets)}, not a beginning and an end`);
  const bytes = byteLength(shape, dtype);
  if (bytes !== end - begin)
    throw refuse(`${quoted(name)} takes ${end - begin} bytes, its shape ${list(shape)} needs ${bytes}`);
  return { name, dtype, shape, offset: dataStart + begin, bytes };
}

/** Infinity where an intermediate product cannot be counted exactly, even if a size of 0 follows. */
function byteLength(shape: readonly number[], dtype: DType): number {
  let bytes = dtypeInfo(dtype).bytes;
  for (const size of shape) bytes = Number.isSafeInteger(bytes * size) ? bytes * size : Infinity;
  return bytes;
}

function dtypeOf(dtypeName: string, name: string, refuse: Refuse): DType {
  const dtype = SAFETENSORS_DTYPES.get(dtypeName);
  if (dtype) return dtype;
  if (SAFETENSORS_SUBBYTE_DTYPES.includes(dtypeName))
    throw refuse(
      `${quoted(name)} is ${dtypeName}: elements of less than a byte are not read. In Python, convert it first, ` +
        "for example to float8_e4m3fn",
      "unsupported",
    );
  throw refuse(`${quoted(name)} has the unknown dtype ${quoted(dtypeName)}`, "unsupported");
}

const list = (numbers: readonly number[]): string =>
  `[${numbers.slice(0, 20).join(", ")}${numbers.length > 20 ? ", …" : ""}]`;

function checkCoverage(
  entries: readonly SafetensorsEntry[],
  dataStart: number,
  fileSize: number,
  refuse: Refuse,
): void {
  let position = dataStart;
  for (const { name, offset, bytes } of [...entries].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (offset !== position)
      throw refuse(`${quoted(name)} begins at byte ${offset}, the tensor before it ends at ${position}`);
    position += bytes;
  }
  if (position > fileSize) throw refuse(`the tensors end at byte ${position}, the file has ${fileSize}`, "truncated");
  if (position < fileSize) throw refuse(`${fileSize - position} bytes behind the last tensor belong to none`);
}
