/** What a run has covered: pairs of places that ran one after the other, and about how often (as AFL counts). */

const SIZE = 2 ** 16;

/** How often each pair ran, at most 255. */
const counts = new Uint8Array(SIZE);
const words = new BigUint64Array(counts.buffer);

let previous = 0;

/** Called by the instrumented code. */
function hit(site: number): void {
  const place = Math.imul(site, 0x9e3779b1) >>> 16;
  const pair = place ^ previous;
  if (counts[pair] < 255) counts[pair]++;
  previous = place >> 1;
}

/** A class of counts: 1, 2, 3, 4–7, 8–15, 16–31, 32–127, 128 and more. */
const CLASS = Uint8Array.from({ length: 256 }, (_, count) =>
  count < 4 ? count : count < 8 ? 4 : count < 16 ? 5 : count < 32 ? 6 : count < 128 ? 7 : 8,
);

/** Gives the instrumented code, which is loaded after this, something to call. */
export function startCounting(): void {
  (globalThis as { fuzzHit?: (site: number) => void }).fuzzHit = hit;
}

export function reset(): void {
  counts.fill(0);
  previous = 0;
}

/** What has run since `reset`: a number for each pair and class of count. */
export function features(): number[] {
  const found: number[] = [];
  for (let word = 0; word < words.length; word++) {
    if (words[word] === 0n) continue;
    for (let i = 8 * word; i < 8 * word + 8; i++) if (counts[i] > 0) found.push(9 * i + CLASS[counts[i]]);
  }
  return found;
}
