/** CRC-32 of zip (polynomial 0xEDB88320), eight bytes a round ("slicing-by-8", Kounavis and Berry 2005). */

/** `TABLES[k * 256 + b]` is the remainder of byte `b` followed by `k` zero bytes; signed, which engines compute faster. */
const TABLES = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  TABLES[byte] = crc;
}
for (let i = 256; i < TABLES.length; i++) TABLES[i] = (TABLES[i - 256] >>> 8) ^ TABLES[TABLES[i - 256] & 255];

export function crc32(bytes: Uint8Array): number {
  const rounds = bytes.length - (bytes.length % 8);
  let crc = -1;
  let i = 0;
  // Written out: a loop over the eight takes more than twice the time.
  for (; i < rounds; i += 8)
    crc =
      TABLES[7 * 256 + ((crc & 255) ^ bytes[i])] ^
      TABLES[6 * 256 + (((crc >>> 8) & 255) ^ bytes[i + 1])] ^
      TABLES[5 * 256 + (((crc >>> 16) & 255) ^ bytes[i + 2])] ^
      TABLES[4 * 256 + (((crc >>> 24) & 255) ^ bytes[i + 3])] ^
      TABLES[3 * 256 + bytes[i + 4]] ^
      TABLES[2 * 256 + bytes[i + 5]] ^
      TABLES[256 + bytes[i + 6]] ^
      TABLES[bytes[i + 7]];
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ TABLES[(crc ^ bytes[i]) & 255];
  return ~crc >>> 0;
}
