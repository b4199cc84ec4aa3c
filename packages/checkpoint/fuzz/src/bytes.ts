/** Mutations of bytes that know nothing of what they mean. */

import type { Random } from "./random.js";

export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Integers at which something changes: signs, powers of two, what means "see elsewhere". */
export const EDGES: readonly bigint[] = [0n, 1n, 7n, 8n, 16n, 31n, 32n, 53n, 62n, 63n, 64n].flatMap((bits) => {
  const power = 1n << bits;
  return [power - 1n, power, power + 1n, -power];
});

/** Writes an integer of the given width, little-endian, as far as there is room. */
export function putInteger(bytes: Uint8Array, at: number, width: number, value: bigint): void {
  for (let i = 0; i < width && at + i < bytes.length; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 255n);
}

function getInteger(bytes: Uint8Array, at: number, width: number): bigint {
  let value = 0n;
  for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i] ?? 0);
  return value;
}

/** One small change. `words` are what may be put in, `other` is what parts may be taken from. */
export function mutateBytes(
  bytes: Uint8Array,
  random: Random,
  words: readonly Uint8Array[],
  other: Uint8Array,
): Uint8Array {
  const at = random.below(bytes.length + 1);
  const length = Math.min(1 << random.below(7), bytes.length - at);
  const changed = bytes.slice();
  switch (random.below(9)) {
    case 0:
      if (at < bytes.length) changed[at] ^= 1 << random.below(8);
      return changed;
    case 1:
      if (at < bytes.length) changed[at] = random.below(256);
      return changed;
    case 2: {
      const width = random.pick([1, 2, 4, 8]);
      putInteger(changed, at, width, random.pick(EDGES));
      return changed;
    }
    case 3: {
      const width = random.pick([1, 2, 4, 8]);
      putInteger(changed, at, width, getInteger(bytes, at, width) + BigInt(random.below(33) - 16));
      return changed;
    }
    case 4:
      return join(bytes.subarray(0, at), bytes.subarray(at + length));
    case 5:
      return join(bytes.subarray(0, at + length), bytes.subarray(at));
    case 6: {
      const word = random.pick(words);
      const kept = random.chance(0.5) ? at : at + word.length;
      return join(bytes.subarray(0, at), word, bytes.subarray(kept));
    }
    case 7: {
      const from = random.below(other.length + 1);
      const part = other.subarray(from, from + (1 << random.below(8)));
      const kept = random.chance(0.5) ? at : at + part.length;
      return join(bytes.subarray(0, at), part, bytes.subarray(kept));
    }
    default:
      changed.copyWithin(random.below(bytes.length + 1), at, at + length);
      return changed;
  }
}
