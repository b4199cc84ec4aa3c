/** The thread that fuzzes one target: mutates, runs, and keeps what covers something new. */

import { register } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import { corpusFolder, readInputs, replaceInputs } from "./corpus.js";
import { features, reset, startCounting } from "./coverage.js";
import { type Assignment, Current, LONGEST_INPUT, type Message } from "./messages.js";
import { checkPrototypes } from "./prototypes.js";
import { Random } from "./random.js";
import { smallestCover } from "./smallest-cover.js";

const { target: name, seconds, seed, keep, current: shared } = workerData as Assignment;

startCounting();
register("./instrument.js", import.meta.url);
const { TARGETS } = await import("./targets.js");
const target = TARGETS.get(name);
if (!target) throw new Error(`there is no target ${name}`);

/** No file of at most 32 KiB may take longer, in the best of three runs: a busy machine makes any single one slow. */
const SLOW_MS = 500;

const random = new Random(seed);
const current = new Current(shared);
const corpus: Uint8Array[] = [];
const covered = new Set<number>();
const findings = new Set<string>();
let runs = 0;

const send = (message: Message) => parentPort?.postMessage(message);

/** Milliseconds of one run. */
async function timed(bytes: Uint8Array): Promise<number> {
  const start = performance.now();
  await target?.run(bytes);
  return performance.now() - start;
}

/** Runs an input; true where it covered something for the first time. */
async function attempt(bytes: Uint8Array): Promise<boolean> {
  current.set(bytes);
  reset();
  runs++;
  try {
    let took = await timed(bytes);
    for (let again = 0; again < 2 && took > SLOW_MS; again++) took = Math.min(took, await timed(bytes));
    if (took > SLOW_MS) throw new Error(`takes ${Math.round(took)} ms`);
    checkPrototypes();
  } catch (error) {
    const { stack = String(error) } = error as Error;
    // One report for each place where it is thrown.
    const place = stack.split("\n").slice(0, 3).join("\n").replace(/\d+/g, "0").slice(0, 400);
    if (!findings.has(place)) send({ bytes, error: stack.slice(0, 2000) });
    findings.add(place);
    return false;
  }
  const before = covered.size;
  for (const feature of features()) covered.add(feature);
  return covered.size > before;
}

function mutated(): Uint8Array {
  // Half of all parents are among the newest, which cover what the others do not.
  const newest = Math.max(0, corpus.length - 20);
  const parent = random.chance(0.5) ? corpus[newest + random.below(corpus.length - newest)] : random.pick(corpus);
  let bytes = parent;
  for (let i = random.few(8); i > 0; i--) bytes = target?.mutate(bytes, random, random.pick(corpus)) ?? bytes;
  return bytes.length > LONGEST_INPUT ? bytes.slice(0, LONGEST_INPUT) : bytes;
}

const start = performance.now();
const elapsed = () => (performance.now() - start) / 1000;
const report = (done: boolean) =>
  send({ runs, seconds: elapsed(), features: covered.size, corpus: corpus.length, done });

for (const bytes of [...(await target.seeds()), ...readInputs(corpusFolder(name)).values()]) {
  await attempt(bytes);
  corpus.push(bytes);
}
for (let next = 10; elapsed() < seconds; ) {
  const bytes = mutated();
  if (await attempt(bytes)) corpus.push(bytes);
  if (elapsed() < next) continue;
  report(false);
  next += 10;
}
if (keep) replaceInputs(corpusFolder(name), await smallestCover(corpus, target.run));
report(true);
