/** UTF-8 as Python pickles it: strict, but lone surrogates pass ("surrogatepass"). */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** With the flag u, a pair is one character and only a lone half is of the category Cs. */
const LONE_SURROGATE = /\p{Cs}/u;

/** The string of the bytes; undefined where they are no UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  if (bytes.length <= 64) {
    const short = decodeAscii(bytes);
    if (short !== undefined) return short;
  }
  try {
    return strict.decode(bytes);
  } catch {
    return decodeWithSurrogates(bytes);
  }
}

/** Keys are short and ASCII: building them here is several times faster than a call into the decoder. */
function decodeAscii(bytes: Uint8Array): string | undefined {
  let text = "";
  for (const byte of bytes) {
    if (byte > 127) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
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
  const parts = text.match(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]|[^\ud800-\udfff]+/g) ?? [];
  const bytes: number[] = [];
  for (const part of parts) {
    const unit = part.charCodeAt(0);
    if (part.length === 1 && unit >= 0xd800 && unit <= 0xdfff)
      bytes.push(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 63), 0x80 | (unit & 63));
    else for (const byte of encoder.encode(part)) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
