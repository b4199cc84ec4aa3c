/** The header of a safetensors file: eight bytes of length, a JSON object, then the data without gaps. */

import { type DType, dtypeInfo } from "@kindling/core";
import { SAFETENSORS_DTYPES } from "../dtypes.js";
import { CheckpointError } from "../errors.js";
import { type ByteSource, readRange } from "../source.js";

/** The bound of the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000;

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
  /** `__metadata__`: free text by name. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** Reads and checks a header: every byte of the data belongs to exactly one tensor, as the format demands. */
export async function readHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const refuse = (why: string): CheckpointError => new CheckpointError("safetensors", `${source.name}: ${why}`);
  const prefix = await readRange(source, 0, 8, "the length of the safetensors header");
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES))
    throw refuse(`is no safetensors file: its header would take ${length} bytes (at most ${MAX_HEADER_BYTES})`);
  const headerLength = Number(length);
  const bytes = await readRange(source, 8, headerLength, "the safetensors header");
  const header = parseJson(bytes, refuse);
  const dataStart = 8 + headerLength;
  const metadata = new Map<string, string>();
  const entries: SafetensorsEntry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name !== "__metadata__") entries.push(parseEntry(name, value, dataStart, refuse));
    else
      for (const [key, item] of Object.entries(asObject(value, "__metadata__", refuse))) {
        if (typeof item !== "string") throw refuse(`__metadata__ ${JSON.stringify(key)} is not a string`);
        metadata.set(key, item);
      }
  }
  checkCoverage(entries, dataStart, source.size, refuse);
  return { entries, metadata };
}

function parseJson(bytes: Uint8Array, refuse: (why: string) => CheckpointError): object {
  if (bytes[0] !== 0x7b) throw refuse("is no safetensors file: its header does not begin with {");
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new CheckpointError("safetensors", refuse("the header is not JSON in UTF-8").message, { cause });
  }
  return asObject(header, "the header", refuse);
}

function asObject(value: unknown, what: string, refuse: (why: string) => CheckpointError): object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse(`${what} is not an object`);
  return value;
}

function parseEntry(
  name: string,
  value: unknown,
  dataStart: number,
  refuse: (why: string) => CheckpointError,
): SafetensorsEntry {
  const label = JSON.stringify(name);
  const fields = new Map<string, unknown>(Object.entries(asObject(value, label, refuse)));
  const dtypeName = fields.get("dtype");
  const dtype = typeof dtypeName === "string" ? SAFETENSORS_DTYPES.get(dtypeName) : undefined;
  if (dtype === undefined)
    throw new CheckpointError("unsupported", refuse(`${label} has the dtype ${String(dtypeName)}`).message);
  const shape = naturals(fields.get("shape"), `the shape of ${label}`, refuse);
  const offsets = naturals(fields.get("data_offsets"), `data_offsets of ${label}`, refuse);
  const [begin, end] = offsets;
  if (offsets.length !== 2 || begin > end) throw refuse(`data_offsets of ${label} are [${offsets}]`);
  const bytes = shape.reduce((product, size) => product * size, dtypeInfo(dtype).bytes);
  if (bytes !== end - begin) throw refuse(`${label} takes ${end - begin} bytes, its shape [${shape}] needs ${bytes}`);
  return { name, dtype, shape, offset: dataStart + begin, bytes };
}

function naturals(value: unknown, what: string, refuse: (why: string) => CheckpointError): number[] {
  if (!Array.isArray(value) || !value.every((item) => Number.isSafeInteger(item) && item >= 0))
    throw refuse(`${what} is not a list of natural numbers`);
  return value as number[];
}

function checkCoverage(
  entries: readonly SafetensorsEntry[],
  dataStart: number,
  fileSize: number,
  refuse: (why: string) => CheckpointError,
): void {
  let position = dataStart;
  for (const entry of [...entries].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (entry.offset !== position)
      throw refuse(
        `${JSON.stringify(entry.name)} begins at byte ${entry.offset}, the tensor before it ends at ${position}`,
      );
    position += entry.bytes;
  }
  if (position > fileSize)
    throw new CheckpointError(
      "truncated",
      refuse(`the tensors end at byte ${position}, the file has ${fileSize}`).message,
    );
  if (position < fileSize) throw refuse(`${fileSize - position} bytes behind the last tensor belong to none`);
}
