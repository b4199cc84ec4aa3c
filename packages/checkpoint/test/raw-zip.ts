/** Zip archives with any lie in them: every field can be given, and is otherwise true. */

import { crc32 } from "node:zlib";
import { ascii, join } from "./archive.js";

/** A member; fields that begin with `local` or `central` hold in that header alone. */
export interface RawMember {
  name: string;
  data: Uint8Array;
  flags?: number;
  method?: number;
  crc?: number;
  compressedSize?: number;
  size?: number;
  offset?: number;
  disk?: number;
  /** Made by (high byte: 3 for Unix) and external attributes (Unix mode in the upper half). */
  madeBy?: number;
  attributes?: number;
  extra?: Uint8Array;
  localName?: string;
  localFlags?: number;
  localMethod?: number;
  localCrc?: number;
  localSize?: number;
  localExtra?: Uint8Array;
  /** Bytes behind the data, such as a data descriptor. */
  after?: Uint8Array;
}

export interface RawEnd {
  count?: number;
  diskCount?: number;
  size?: number;
  offset?: number;
  disk?: number;
  comment?: Uint8Array;
}

function fields(...list: readonly (readonly [width: 2 | 4 | 8, value: number])[]): Uint8Array {
  const bytes = new Uint8Array(list.reduce((sum, [width]) => sum + width, 0));
  let at = 0;
  for (const [width, value] of list)
    for (let i = 0, rest = value; i < width; i++, rest = Math.floor(rest / 256)) bytes[at++] = rest % 256;
  return bytes;
}

export function rawZip(members: readonly RawMember[], end: RawEnd = {}): Uint8Array {
  let body: Uint8Array = new Uint8Array(0);
  let directory: Uint8Array = new Uint8Array(0);
  for (const member of members) {
    const { name, data, flags = 0, method = 0, crc = crc32(data), extra = new Uint8Array(0) } = member;
    const { compressedSize = data.length, size = data.length, offset = body.length, disk = 0 } = member;
    const { localName = name, localExtra = new Uint8Array(0), localFlags = flags, localMethod = method } = member;
    const { localCrc = crc, localSize = size, after = new Uint8Array(0), madeBy = 20, attributes = 0 } = member;
    directory = join(
      directory,
      fields([4, 0x02014b50], [2, madeBy], [2, 20], [2, flags], [2, method], [4, 0], [4, crc]),
      fields([4, compressedSize], [4, size], [2, name.length], [2, extra.length], [2, 0], [2, disk], [2, 0]),
      fields([4, attributes], [4, offset]),
      name,
      extra,
    );
    body = join(
      body,
      fields([4, 0x04034b50], [2, 20], [2, localFlags], [2, localMethod], [4, 0], [4, localCrc]),
      fields([4, compressedSize], [4, localSize], [2, localName.length], [2, localExtra.length]),
      localName,
      localExtra,
      data,
      after,
    );
  }
  const { count = members.length, diskCount = count, size = directory.length, offset = body.length } = end;
  const { disk = 0, comment = new Uint8Array(0) } = end;
  return join(
    body,
    directory,
    fields([4, 0x06054b50], [2, disk], [2, disk], [2, diskCount], [2, count], [4, size], [4, offset]),
    fields([2, comment.length]),
    comment,
  );
}

/** An archive of torch in two members: a pickle of None, and a storage. */
export const members = (): [pickle: RawMember, storage: RawMember] => [
  { name: "a/data.pkl", data: ascii("N.") },
  { name: "a/data/0", data: new Uint8Array(16) },
];
