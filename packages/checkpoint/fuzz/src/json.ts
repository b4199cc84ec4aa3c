/** Mutations of JSON text, and of safetensors files, whose header is JSON behind its length. */

import { ascii, EDGES, join, mutateBytes, putInteger } from "./bytes.js";
import type { Random } from "./random.js";

export const JSON_WORDS: readonly Uint8Array[] = [
  '"dtype":"F32"',
  '"dtype":"BF16"',
  '"dtype":"F8_E4M3"',
  '"dtype":"BOOL"',
  '"dtype":"C64"',
  '"shape":[]',
  '"shape":[2,3]',
  '"data_offsets":[0,4]',
  '"__metadata__":{"a":"b"}',
  '"__proto__":{}',
  '"constructor"',
  '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},',
  '"weight_map"',
  '"metadata"',
  '"a.safetensors"',
  '"../a.safetensors"',
  "null",
  "{}",
  "[]",
  "1e400",
  "-1",
  "1.5",
  "\\u0000",
  "\\ud800",
  ...EDGES.map(String),
  ...'{}[],:" ',
].map(ascii);

/** One change of a text. Numbers are replaced as often as anything else is. */
export function mutateJson(text: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  if (random.chance(0.5)) return mutateBytes(text, random, JSON_WORDS, other);
  const source = Buffer.from(text).toString("latin1");
  const tokens = [...source.matchAll(/-?\d+|"[^"]*"|[[\]{},:]/g)];
  if (tokens.length === 0) return mutateBytes(text, random, JSON_WORDS, other);
  const token = random.pick(tokens);
  const start = token.index;
  const end = start + token[0].length;
  const number = /^-?\d+$/.test(token[0]);
  const near = number && random.chance(0.5) ? ascii(String(Number(token[0]) + random.below(9) - 4)) : undefined;
  const word = near ?? random.pick([...JSON_WORDS, ascii(random.pick(tokens)[0]), new Uint8Array(0)]);
  return join(text.subarray(0, start), word, text.subarray(end));
}

/** One change of a file. Mostly, the length of the header is then made true again. */
export function mutateSafetensors(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  if (bytes.length < 9 || random.chance(0.2)) return mutateBytes(bytes, random, JSON_WORDS, other);
  const length = Math.min(Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)), bytes.length - 8);
  const data = bytes.subarray(8 + length);
  const header = mutateJson(bytes.subarray(8, 8 + length), random, other.subarray(8));
  const prefix = bytes.slice(0, 8);
  if (random.chance(0.95)) putInteger(prefix, 0, 8, BigInt(header.length));
  const resized = random.chance(0.3) ? data.slice(0, random.below(data.length + 1)) : data;
  return join(prefix, header, random.chance(0.1) ? join(data, data.subarray(0, 4)) : resized);
}
