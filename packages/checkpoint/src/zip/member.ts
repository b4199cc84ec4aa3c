/** Reads one member of a zip archive: its local header must agree with the directory, its bytes with the checksum. */

import { platform } from "#platform";
import { CheckpointError } from "../errors.js";
import { type ByteSource, readRange } from "../source.js";
import { LOCAL_HEADER_BYTES, Signature, type ZipMember } from "./directory.js";

/** Sizes and checksum stand behind the data, not in the local header. */
const STREAMED = 8;

/** Members up to this size are read together with their headers; larger ones after them, into a buffer of their own. */
const SMALL_BYTES = 2 ** 16;

/** The same where a read is a round trip to a server, which takes longer than copying the data. */
const SMALL_REMOTE_BYTES = 2 ** 26;

/** Room for the extra fields of a local header: torch's padding and zip64 sizes fit, and little else occurs. */
const USUAL_EXTRA_BYTES = 96;

/** The bytes of a member, inflated, and verified where there is a checksum, in a buffer of their own. */
export async function readMember(source: ByteSource, member: ZipMember): Promise<Uint8Array<ArrayBuffer>> {
  const stored = await readStored(source, member);
  const bytes = member.method === 0 ? stored : await inflate(source, member, stored);
  if (!member.hasChecksum) return bytes;
  const crc = platform.crc32(bytes);
  if (crc !== member.crc)
    throw new CheckpointError(
      "crc",
      `${source.name}: member ${JSON.stringify(member.name)} is damaged: its checksum is ${hex(crc)}, expected ${hex(member.crc)}. Fetch the file again`,
    );
  return bytes;
}

/** The bytes of a member as they stand in the archive. */
async function readStored(source: ByteSource, member: ZipMember): Promise<Uint8Array<ArrayBuffer>> {
  const { headerOffset, compressedSize, limit } = member;
  const withData = compressedSize <= (source.isRemote ? SMALL_REMOTE_BYTES : SMALL_BYTES) ? compressedSize : 0;
  const usual = LOCAL_HEADER_BYTES + member.rawName.length + USUAL_EXTRA_BYTES + withData;
  const head = await readRange(source, headerOffset, Math.min(usual, limit - headerOffset), "a local header", "zip");
  const start = dataOffset(source, member, head);
  const end = start + compressedSize;
  return end <= head.length
    ? head.slice(start, end)
    : readRange(source, headerOffset + start, compressedSize, `member ${JSON.stringify(member.name)}`, "zip");
}

/** Where the data begins, counted from the local header, which must agree with the directory. */
function dataOffset(source: ByteSource, member: ZipMember, bytes: Uint8Array): number {
  const refuse = (why: string): CheckpointError =>
    new CheckpointError("zip", `${source.name}: the local header of member ${JSON.stringify(member.name)} ${why}`);
  const nameLength = member.rawName.length;
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (header.getUint32(0, true) !== Signature.local) throw refuse("is not where the directory says");
  const sameName =
    header.getUint16(26, true) === nameLength &&
    member.rawName.every((byte, i) => byte === bytes[LOCAL_HEADER_BYTES + i]);
  if (!sameName) throw refuse("has another name");
  if (header.getUint16(6, true) !== member.flags || header.getUint16(8, true) !== member.method)
    throw refuse("has another method or other flags");
  if (!(member.flags & STREAMED)) {
    const [crc, compressed, size] = [14, 18, 22].map((at) => header.getUint32(at, true));
    const agrees = (short: number, long: number) => short === Math.min(long, 0xffffffff) || short === 0xffffffff;
    if (crc !== member.crc || !agrees(compressed, member.compressedSize) || !agrees(size, member.size))
      throw refuse("has another size or checksum");
  }
  const start = LOCAL_HEADER_BYTES + nameLength + header.getUint16(28, true);
  if (member.headerOffset + start + member.compressedSize > member.limit)
    throw refuse("pushes the data over the next member");
  return start;
}

async function inflate(
  source: ByteSource,
  member: ZipMember,
  stored: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await platform.inflateRaw(stored, member.size);
  } catch (cause) {
    throw new CheckpointError(
      "zip",
      `${source.name}: member ${JSON.stringify(member.name)} does not inflate to the ${member.size} bytes it claims`,
      { cause },
    );
  }
}

const hex = (crc: number): string => crc.toString(16).padStart(8, "0");
