/** Makes a corpus small: the shortest inputs that together run every pair of places that the whole corpus runs. */

import { features, reset } from "./coverage.js";

/** Bytes of all inputs that are kept: a corpus has its place in the repository. */
const MOST_BYTES = 48 * 1024;

export async function smallestCover(
  corpus: readonly Uint8Array[],
  run: (bytes: Uint8Array) => Promise<void>,
): Promise<Uint8Array[]> {
  const kept: Uint8Array[] = [];
  const covered = new Set<number>();
  let size = 0;
  for (const bytes of [...corpus].sort((a, b) => a.length - b.length)) {
    if (size + bytes.length > MOST_BYTES) break;
    reset();
    await run(bytes).catch(() => undefined);
    // How often a pair ran would keep ten times as many inputs.
    const pairs = features().map((feature) => Math.floor(feature / 9));
    if (pairs.every((pair) => covered.has(pair))) continue;
    for (const pair of pairs) covered.add(pair);
    kept.push(bytes);
    size += bytes.length;
  }
  return kept;
}
