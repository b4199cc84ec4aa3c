/** UTF-8 as Python pickles it: strict, but lone surrogates pass ("surrogatepass"). */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** With the flag u, a pair is one character and only a lone half is of the category Cs. */
const LONE_SURROGATE = /\p{Cs}/u;

/** The string of the bytes; undefined where they are no UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return decodeWithSurrogates(bytes);
  }
}

/** Splits at the three-byte sequences ED A0–BF xx, which stand for surrogates; everything between is strict. */
function decodeWithSurrogates(bytes: Uint8Array): string | undefined {
  const parts: string[] = [];
  let start = 0;
  try {
    for (let i = bytes.indexOf(0xed); i >= 0 && i + 2 < bytes.length; i = bytes.indexOf(0xed, i + 1)) {
      const [second, third] = [bytes[i + 1], bytes[i + 2]];
      if (second < 0xa0 || second > 0xbf || third >> 6 !== 2) continue;
      parts.push(strict.decode(bytes.subarray(start, i)));
      parts.push(String.fromCharCode(0xd000 | ((second & 63) << 6) | (third & 63)));
      start = i + 3;
    }
    parts.push(strict.decode(bytes.subarray(start)));
  } catch {
    return undefined;
  }
  return parts.join("");
}

/** The bytes of a string. */
export function encodeUtf8(text: string): Uint8Array {
  if (!LONE_SURROGATE.test(text)) return encoder.encode(text);
  // A unit of UTF-16 takes three bytes at most.
  const bytes = new Uint8Array(3 * text.length);
  let at = 0;
  for (const [part] of text.matchAll(/\p{Cs}|\P{Cs}+/gu)) {
    const unit = part.charCodeAt(0);
    if (LONE_SURROGATE.test(part)) {
      bytes.set([0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 63), 0x80 | (unit & 63)], at);
      at += 3;
    } else at += encoder.encodeInto(part, bytes.subarray(at)).written;
  }
  return bytes.slice(0, at);
}
