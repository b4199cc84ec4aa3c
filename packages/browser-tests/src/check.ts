/** Runs one kind of check and reports it. */

import { Tally } from "@kindling/goldens";
import type { CheckReport } from "./report.js";

/** What `check` counted, and how long it took. */
export async function report(check: (tally: Tally) => Promise<void>): Promise<CheckReport> {
  const lines: string[] = [];
  const tally = new Tally(undefined, (line) => lines.push(line));
  const start = performance.now();
  await check(tally);
  const { passed, failed, skipped } = tally;
  return { passed, failed, skipped, lines, seconds: (performance.now() - start) / 1000 };
}
