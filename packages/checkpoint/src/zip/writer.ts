/**
 * Writes a zip archive as torch's writer does: members stored, every member's data on a multiple of 64 bytes (so that a
 * file can be mapped into memory), sizes and checksum behind the data, zip64 records at the end. No times, no
 * permissions: equal input gives equal bytes.
 */

import { platform } from "#platform";
import { END64_BYTES, LOCAL_HEADER_BYTES, SATURATED_16, SATURATED_32, Signature } from "./directory.js";

const ALIGNMENT = 64;
/** Names are UTF-8, and sizes stand behind the data. */
const FLAGS = 0x0808;
/** Identifiers of extra fields: zip64, and torch's padding ("FB"), which is filled with the letter Z. */
const EXTRA_ZIP64 = 1;
const EXTRA_PADDING = 0x4246;
const PADDING_BYTE = 0x5a;

/** What a member holds; `data` is called when its turn comes. */
export interface NewMember {
  readonly name: string;
  readonly data: () => Promise<Uint8Array> | Uint8Array;
}

interface Written {
  readonly name: Uint8Array;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

/** The bytes of an archive, piece by piece. */
export async function* zipArchive(members: readonly NewMember[]): AsyncGenerator<Uint8Array> {
  const written: Written[] = [];
  let position = 0;
  for (const member of members) {
    const data = await member.data();
    const name = new TextEncoder().encode(member.name);
    const record: Written = { name, crc: platform.crc32(data), size: data.length, offset: position };
    const header = localHeader(record);
    const descriptor = dataDescriptor(record);
    yield header;
    yield data;
    yield descriptor;
    position += header.length + data.length + descriptor.length;
    written.push(record);
  }
  let directoryBytes = 0;
  for (const record of written) {
    const entry = centralHeader(record);
    directoryBytes += entry.length;
    yield entry;
  }
  yield endRecords(written.length, directoryBytes, position);
}

const isWide = (size: number): boolean => size >= SATURATED_32;

/** Fields one after another, little-endian: `[bytes, value]`. */
function fields(...list: readonly (readonly [1 | 2 | 4 | 8, number])[]): Uint8Array {
  const bytes = new Uint8Array(list.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of list) {
    if (width === 8) view.setBigUint64(at, BigInt(value), true);
    else if (width === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
    at += width;
  }
  return bytes;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The header before the data, padded so that the data begins on a multiple of 64 bytes of the archive. */
export function localHeader({ name, size, offset }: Written): Uint8Array {
  const wide = isWide(size);
  const extra = wide ? fields([2, EXTRA_ZIP64], [2, 16], [8, size], [8, size]) : new Uint8Array(0);
  const unpadded = offset + LOCAL_HEADER_BYTES + name.length + extra.length + 4;
  const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT;
  const size32 = wide ? SATURATED_32 : 0;
  return concat([
    fields([4, Signature.local], [2, 0], [2, FLAGS], [2, 0], [2, 0], [2, 0], [4, 0], [4, size32], [4, size32]),
    fields([2, name.length], [2, extra.length + 4 + padding]),
    name,
    extra,
    fields([2, EXTRA_PADDING], [2, padding]),
    new Uint8Array(padding).fill(PADDING_BYTE),
  ]);
}

export function dataDescriptor({ crc, size }: Written): Uint8Array {
  const width = isWide(size) ? 8 : 4;
  return fields([4, Signature.descriptor], [4, crc], [width, size], [width, size]);
}

export function centralHeader({ name, crc, size, offset }: Written): Uint8Array {
  const [wideSize, wideOffset] = [isWide(size), isWide(offset)];
  const values = [...(wideSize ? [size, size] : []), ...(wideOffset ? [offset] : [])];
  const extra =
    values.length === 0
      ? new Uint8Array(0)
      : fields([2, EXTRA_ZIP64], [2, 8 * values.length], ...values.map((value) => [8, value] as const));
  const size32 = wideSize ? SATURATED_32 : size;
  return concat([
    fields(
      [4, Signature.central],
      [2, 0],
      [2, 0],
      [2, FLAGS],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, crc],
      [4, size32],
      [4, size32],
    ),
    fields(
      [2, name.length],
      [2, extra.length],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, wideOffset ? SATURATED_32 : offset],
    ),
    name,
    extra,
  ]);
}

/** The zip64 end, its locator and the classic end, all three always, as torch writes them. */
export function endRecords(count: number, directoryBytes: number, directoryOffset: number): Uint8Array {
  const count16 = Math.min(count, SATURATED_16);
  const end64Offset = directoryOffset + directoryBytes;
  return concat([
    fields([4, Signature.end64], [8, END64_BYTES - 12], [2, 0x031e], [2, 45], [4, 0], [4, 0], [8, count], [8, count]),
    fields([8, directoryBytes], [8, directoryOffset]),
    fields([4, Signature.locator64], [4, 0], [8, end64Offset], [4, 1]),
    fields([4, Signature.end], [2, 0], [2, 0], [2, count16], [2, count16]),
    fields([4, Math.min(directoryBytes, SATURATED_32)], [4, Math.min(directoryOffset, SATURATED_32)], [2, 0]),
  ]);
}
