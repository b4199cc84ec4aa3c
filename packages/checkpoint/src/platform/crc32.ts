/** CRC-32 of zip (polynomial 0xEDB88320), sixteen bytes a round ("slicing-by-16", Kounavis and Berry 2005). */

const ROUND = 16;

/** `TABLES[k * 256 + b]` is the remainder of byte `b` followed by `k` zero bytes. */
const TABLES = new Uint32Array(ROUND * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  TABLES[byte] = crc;
}
for (let i = 256; i < TABLES.length; i++) TABLES[i] = (TABLES[i - 256] >>> 8) ^ TABLES[TABLES[i - 256] & 255];

export function crc32(bytes: Uint8Array): number {
  const whole = bytes.length - (bytes.length % ROUND);
  let crc = -1;
  let i = 0;
  while (i < whole) {
    let next = 0;
    for (let k = 0; k < ROUND; k++) {
      const byte = k < 4 ? bytes[i + k] ^ ((crc >>> (8 * k)) & 255) : bytes[i + k];
      next ^= TABLES[(ROUND - 1 - k) * 256 + byte];
    }
    crc = next;
    i += ROUND;
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ TABLES[(crc ^ bytes[i]) & 255];
  return ~crc >>> 0;
}
