/** The two text encodings of protocol 0: Python string literals and raw-unicode-escape. */

import { CheckpointError } from "../errors.js";

const SIMPLE: ReadonlyMap<string, string> = new Map([
  ["\\", "\\"],
  ["'", "'"],
  ['"', '"'],
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
]);

/** The bytes of a quoted Python 2 string literal such as `'caf\xc3\xa9'`. */
export function parseStringLiteral(line: Uint8Array): Uint8Array {
  const text = latin1(line).trimEnd();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || !text.endsWith(quote))
    throw new CheckpointError("bad-pickle", "a text string is not in quotes");
  const plain = text
    .slice(1, -1)
    .replace(/\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))/gs, (whole, hex?: string, octal?: string, one?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 255);
      return SIMPLE.get(one as string) ?? whole;
    });
  return latin1Bytes(plain) as Uint8Array;
}

/** The string of Python's raw-unicode-escape: Latin-1 with `\uXXXX` and `\UXXXXXXXX`. */
export function parseRawUnicode(line: Uint8Array): string {
  return latin1(line).replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short?: string, long?: string) => {
    const point = Number.parseInt((short ?? long) as string, 16);
    if (point > 0x10ffff) throw new CheckpointError("bad-pickle", `\\U${long} is no code point`);
    return String.fromCodePoint(point);
  });
}

/** One character a byte. */
export function latin1(bytes: Uint8Array): string {
  const chunks: string[] = [];
  for (let i = 0; i < bytes.length; i += 4096) chunks.push(String.fromCharCode(...bytes.subarray(i, i + 4096)));
  return chunks.join("");
}

/** The bytes of a string of characters below 256; undefined for others. */
export function latin1Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) return undefined;
    bytes[i] = code;
  }
  return bytes;
}
