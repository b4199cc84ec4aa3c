/** Mutations of zip archives, and the repair of checksums without which nearly every mutation ends there. */

import { crc32, inflateRawSync } from "node:zlib";
import { ascii, EDGES, mutateBytes, putInteger } from "./bytes.js";
import type { Random } from "./random.js";

const SIGNATURES = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50, end64: 0x06064b50 };

/** Where the fields of each record are, and how wide. */
const FIELDS: Readonly<Record<keyof typeof SIGNATURES, readonly (readonly [at: number, width: number])[]>> = {
  local: [
    [6, 2],
    [8, 2],
    [14, 4],
    [18, 4],
    [22, 4],
    [26, 2],
    [28, 2],
  ],
  central: [
    [8, 2],
    [10, 2],
    [16, 4],
    [20, 4],
    [24, 4],
    [28, 2],
    [30, 2],
    [32, 2],
    [34, 2],
    [38, 4],
    [42, 4],
  ],
  end: [
    [4, 2],
    [6, 2],
    [8, 2],
    [10, 2],
    [12, 4],
    [16, 4],
    [20, 2],
  ],
  end64: [
    [4, 8],
    [16, 4],
    [24, 8],
    [32, 8],
    [40, 8],
    [48, 8],
  ],
};

export const ZIP_WORDS: readonly Uint8Array[] = [
  "PK\x03\x04",
  "PK\x01\x02",
  "PK\x05\x06",
  "PK\x06\x06",
  "PK\x06\x07",
  "PK\x07\x08",
  "archive/data.pkl",
  "archive/data/0",
  "archive/byteorder",
  "big",
  "little",
  "../",
  "/",
  "\\",
  "\0",
  "data.pkl",
  "constants.pkl",
  "\x01\0\x10\0",
  "\xff\xff",
  "\xff\xff\xff\xff",
  "PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
].map(ascii);

interface Found {
  readonly kind: keyof typeof SIGNATURES;
  readonly at: number;
}

/** Every record, by its signature. */
function records(bytes: Uint8Array): Found[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Found[] = [];
  for (let at = bytes.indexOf(0x50); at >= 0 && at + 4 <= bytes.length; at = bytes.indexOf(0x50, at + 1)) {
    const signature = view.getUint32(at, true);
    for (const [kind, value] of Object.entries(SIGNATURES))
      if (value === signature) found.push({ kind: kind as Found["kind"], at });
  }
  return found;
}

export function mutateZip(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const found = records(bytes);
  if (found.length === 0 || random.chance(0.5)) return mutateBytes(bytes, random, ZIP_WORDS, other);
  const { kind, at } = random.pick(found);
  const [offset, width] = random.pick(FIELDS[kind]);
  const changed = bytes.slice();
  const value = random.chance(0.5) ? random.pick(EDGES) : BigInt(random.below(bytes.length + 64));
  putInteger(changed, at + offset, width, value);
  return changed;
}

/** Writes the true checksum of each member into its central and local header, where it can be found out. */
export function repairChecksums(bytes: Uint8Array): Uint8Array {
  const repaired = bytes.slice();
  const view = new DataView(repaired.buffer);
  for (const { kind, at } of records(repaired)) {
    if (kind !== "central" || at + 46 > repaired.length) continue;
    const local = view.getUint32(at + 42, true);
    if (local + 30 > repaired.length) continue;
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const crc = checksum(
      repaired.subarray(start, start + view.getUint32(at + 20, true)),
      view.getUint16(at + 10, true),
    );
    if (crc === undefined) continue;
    view.setUint32(at + 16, crc, true);
    if (view.getUint32(local + 14, true) !== 0) view.setUint32(local + 14, crc, true);
  }
  return repaired;
}

function checksum(data: Uint8Array, method: number): number | undefined {
  try {
    return crc32(method === 8 ? inflateRawSync(data, { maxOutputLength: 2 ** 20 }) : data);
  } catch {
    return undefined;
  }
}
