/**
 * The directory of a zip archive (PKWARE APPNOTE 6.3), read strictly: everything that two readers could understand in
 * two ways is refused, and nothing that an archive claims is believed before it is compared with the file.
 */

import { CheckpointError } from "../errors.js";
import { defaultLimits, objectBudget } from "../limits.js";
import { type ByteSource, readRange } from "../source.js";
import { decodeUtf8 } from "../utf8.js";

/** One file inside an archive. */
export interface ZipMember {
  readonly name: string;
  /** Its name as it stands in the archive. */
  readonly rawName: Uint8Array;
  readonly flags: number;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly crc: number;
  /** Whether checksums were computed: torch can be told not to, and then writes 0 for every member of the archive. */
  readonly hasChecksum: boolean;
  readonly compressedSize: number;
  readonly size: number;
  /** Where its local header begins. */
  readonly headerOffset: number;
  /** Where its bytes must have ended: the next member, or the directory. */
  readonly limit: number;
}

export const Signature = {
  local: 0x04034b50,
  central: 0x02014b50,
  descriptor: 0x08074b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
} as const;

export const LOCAL_HEADER_BYTES = 30;
export const CENTRAL_HEADER_BYTES = 46;
export const END_BYTES = 22;
export const END64_BYTES = 56;
export const LOCATOR64_BYTES = 20;
/** Field values that mean "see the zip64 record". */
export const SATURATED_16 = 0xffff;
export const SATURATED_32 = 0xffffffff;

/** Estimated bytes of heap that a member costs beside its place in the directory. */
const MEMBER_COST = 500;

const Flag = { encrypted: 1, strongEncryption: 0x40, maskedHeaders: 0x2000 } as const;

/** A deflated byte gives at most this many. */
const MAX_DEFLATE_RATIO = 1032;

interface End {
  readonly count: number;
  readonly size: number;
  readonly offset: number;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The members of an archive by name, in the order of the directory; what they cost is charged to the budget. */
export async function readDirectory(
  source: ByteSource,
  budget = objectBudget(source.name, defaultLimits(source.size)),
): Promise<Map<string, ZipMember>> {
  const refuse = (why: string): CheckpointError => new CheckpointError("zip", `${source.name}: ${why}`);
  const end = await findEnd(source, refuse);
  budget.spend(end.size + MEMBER_COST * end.count);
  const bytes = await readRange(source, end.offset, end.size, "the directory of the archive", "zip");
  const entries = parseEntries(bytes, end, refuse);
  const hasChecksum = haveChecksums(entries);
  const members = new Map<string, ZipMember>();
  for (const entry of limitByNeighbours(entries, end.offset, refuse)) {
    if (members.has(entry.name)) throw refuse(`two members are called ${JSON.stringify(entry.name)}`);
    members.set(entry.name, { ...entry, hasChecksum });
  }
  return members;
}

/** Nothing has the checksum 0 by chance twice: where all members do, none was computed. */
function haveChecksums(entries: readonly Entry[]): boolean {
  const filled = entries.filter(({ size }) => size > 0);
  return filled.length < 2 || filled.some(({ crc }) => crc !== 0);
}

/** Where the tail of a file holds an end record whose comment reaches to the last byte, the latest first. */
function endRecords(tail: DataView): number[] {
  const found: number[] = [];
  for (let at = tail.byteLength - END_BYTES; at >= 0; at--)
    if (
      tail.getUint32(at, true) === Signature.end &&
      at + END_BYTES + tail.getUint16(at + 20, true) === tail.byteLength
    )
      found.push(at);
  return found;
}

/** Finds the end record, which closes the file up to a comment, and the zip64 record that may stand before it. */
async function findEnd(source: ByteSource, refuse: (why: string) => CheckpointError): Promise<End> {
  const tailLength = Math.min(source.size, END_BYTES + 0xffff);
  const tailOffset = source.size - tailLength;
  const tail = view(await readRange(source, tailOffset, tailLength, "the end of the archive"));
  const [at, another] = endRecords(tail);
  if (at === undefined)
    throw new CheckpointError(
      "truncated",
      `${source.name}: a zip archive without its end: the file was cut off, or something was appended to it`,
    );
  if (another !== undefined) throw refuse("the archive has two ends, one in the comment of the other");
  const diskCount = tail.getUint16(at + 8, true);
  const [count, size, offset] = [
    tail.getUint16(at + 10, true),
    tail.getUint32(at + 12, true),
    tail.getUint32(at + 16, true),
  ];
  if (tail.getUint16(at + 4, true) !== 0 || tail.getUint16(at + 6, true) !== 0 || diskCount !== count)
    throw refuse("the archive is spread over several disks");
  const endOffset = tailOffset + at;
  const locator = endOffset - LOCATOR64_BYTES;
  const hasLocator = at >= LOCATOR64_BYTES && tail.getUint32(at - LOCATOR64_BYTES, true) === Signature.locator64;
  if (!hasLocator) {
    if (count === SATURATED_16 || size === SATURATED_32 || offset === SATURATED_32)
      throw refuse("the end of the archive refers to a zip64 record that is not there");
    return checkPlace({ count, size, offset }, endOffset, refuse);
  }
  const end64Offset = readUint64(tail, at - LOCATOR64_BYTES + 8, refuse);
  const record = view(await readRange(source, end64Offset, END64_BYTES, "the zip64 end of the archive", "zip"));
  if (record.getUint32(0, true) !== Signature.end64)
    throw refuse("the zip64 end of the archive is not where it should be");
  if (end64Offset + 12 + readUint64(record, 4, refuse) !== locator)
    throw refuse("the zip64 end of the archive has a wrong length");
  const end64 = {
    count: readUint64(record, 32, refuse),
    size: readUint64(record, 40, refuse),
    offset: readUint64(record, 48, refuse),
  };
  const agrees = (short: number, long: number, saturated: number) => short === saturated || short === long;
  if (
    record.getUint32(16, true) !== 0 ||
    record.getUint32(20, true) !== 0 ||
    readUint64(record, 24, refuse) !== end64.count ||
    !agrees(count, end64.count, SATURATED_16) ||
    !agrees(size, end64.size, SATURATED_32) ||
    !agrees(offset, end64.offset, SATURATED_32)
  )
    throw refuse("the two ends of the archive contradict each other");
  return checkPlace(end64, end64Offset, refuse);
}

/** The directory must reach exactly to the record that describes it, and be long enough for its entries. */
function checkPlace(end: End, recordOffset: number, refuse: (why: string) => CheckpointError): End {
  if (end.offset + end.size !== recordOffset)
    throw refuse(
      `the directory should end at byte ${end.offset + end.size}, but its end record stands at ${recordOffset}`,
    );
  if (end.count * CENTRAL_HEADER_BYTES > end.size)
    throw refuse(`the directory claims ${end.count} members in ${end.size} bytes`);
  return end;
}

function readUint64(data: DataView, offset: number, refuse: (why: string) => CheckpointError): number {
  const value = data.getBigUint64(offset, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw refuse(`a length or place of ${value} is impossible`);
  return Number(value);
}

type Entry = Omit<ZipMember, "limit" | "hasChecksum">;

function parseEntries(bytes: Uint8Array, end: End, refuse: (why: string) => CheckpointError): Entry[] {
  const data = view(bytes);
  const entries: Entry[] = [];
  let at = 0;
  for (let i = 0; i < end.count; i++) {
    if (at + CENTRAL_HEADER_BYTES > bytes.length || data.getUint32(at, true) !== Signature.central)
      throw refuse(`entry ${i + 1} of ${end.count} of the directory is not there`);
    const nameLength = data.getUint16(at + 28, true);
    const extraLength = data.getUint16(at + 30, true);
    const next = at + CENTRAL_HEADER_BYTES + nameLength + extraLength + data.getUint16(at + 32, true);
    if (next > bytes.length) throw refuse(`entry ${i + 1} of the directory reaches beyond it`);
    const nameStart = at + CENTRAL_HEADER_BYTES;
    const rawName = bytes.subarray(nameStart, nameStart + nameLength);
    const name = decodeUtf8(rawName);
    if (name === undefined) throw refuse(`the name of member ${i + 1} is not UTF-8`);
    const extra = view(bytes.subarray(nameStart + nameLength, nameStart + nameLength + extraLength));
    const [compressedSize, size, headerOffset, disk] = wideFields(
      extra,
      [
        data.getUint32(at + 20, true),
        data.getUint32(at + 24, true),
        data.getUint32(at + 42, true),
        data.getUint16(at + 34, true),
      ],
      name,
      refuse,
    );
    const entry: Entry = {
      name,
      rawName,
      flags: data.getUint16(at + 8, true),
      method: data.getUint16(at + 10, true),
      crc: data.getUint32(at + 16, true),
      compressedSize,
      size,
      headerOffset,
    };
    checkEntry(entry, disk, refuse);
    entries.push(entry);
    at = next;
  }
  if (at !== bytes.length) throw refuse("the directory holds more than its entries");
  return entries;
}

/** Compressed size, size, header offset and disk; those that are saturated come from the zip64 field, in its own order. */
function wideFields(
  extra: DataView,
  [compressedSize, size, headerOffset, disk]: readonly [number, number, number, number],
  name: string,
  refuse: (why: string) => CheckpointError,
): [number, number, number, number] {
  const needed = [size, compressedSize, headerOffset].filter((value) => value === SATURATED_32).length;
  if (needed === 0 && disk !== SATURATED_16) return [compressedSize, size, headerOffset, disk];
  const field = findExtra(extra, 1);
  if (!field || field.byteLength < 8 * needed + (disk === SATURATED_16 ? 4 : 0))
    throw refuse(`member ${JSON.stringify(name)} refers to a zip64 field that is not there`);
  let at = 0;
  const wide = (value: number): number => {
    if (value !== SATURATED_32) return value;
    at += 8;
    return readUint64(field, at - 8, refuse);
  };
  const wideSize = wide(size);
  const wideCompressed = wide(compressedSize);
  const wideOffset = wide(headerOffset);
  return [wideCompressed, wideSize, wideOffset, disk === SATURATED_16 ? field.getUint32(at, true) : disk];
}

/** The extra field with the given id; a list of fields that does not add up holds none. */
function findExtra(extra: DataView, id: number): DataView | undefined {
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = extra.getUint16(at + 2, true);
    if (at + 4 + length > extra.byteLength) return undefined;
    if (extra.getUint16(at, true) === id) return new DataView(extra.buffer, extra.byteOffset + at + 4, length);
    at += 4 + length;
  }
  return undefined;
}

function checkEntry(entry: Entry, disk: number, refuse: (why: string) => CheckpointError): void {
  const name = JSON.stringify(entry.name);
  if (disk !== 0) throw refuse(`member ${name} is on another disk`);
  if (entry.flags & (Flag.encrypted | Flag.strongEncryption | Flag.maskedHeaders))
    throw refuse(`member ${name} is encrypted`);
  if (entry.method !== 0 && entry.method !== 8)
    throw refuse(`member ${name} is compressed by method ${entry.method}; only stored (0) and deflated (8) are read`);
  if (entry.method === 0 && entry.size !== entry.compressedSize)
    throw refuse(`member ${name} is stored, but has two sizes: ${entry.compressedSize} and ${entry.size} bytes`);
  if (entry.method === 8 && entry.size > MAX_DEFLATE_RATIO * (entry.compressedSize + 1))
    throw refuse(`member ${name} cannot inflate from ${entry.compressedSize} to ${entry.size} bytes`);
  if (/^[/\\]|^[a-z]:|\\|\0/i.test(entry.name) || entry.name.split("/").includes(".."))
    throw refuse(`member ${name} has a name that climbs out of its folder`);
}

/** Gives each member the place where the next thing begins, and refuses members that cannot all fit. */
function limitByNeighbours(
  entries: readonly Entry[],
  directoryOffset: number,
  refuse: (why: string) => CheckpointError,
): Omit<ZipMember, "hasChecksum">[] {
  const order = entries.map((_, i) => i).sort((a, b) => entries[a].headerOffset - entries[b].headerOffset);
  const limits = new Array<number>(entries.length);
  let limit = directoryOffset;
  for (const i of order.reverse()) {
    const entry = entries[i];
    if (entry.headerOffset + LOCAL_HEADER_BYTES + entry.rawName.length + entry.compressedSize > limit)
      throw refuse(`member ${JSON.stringify(entry.name)} lies outside the archive or over another member`);
    limits[i] = limit;
    limit = entry.headerOffset;
  }
  return entries.map((entry, i) => ({ ...entry, limit: limits[i] }));
}
