/** Gets a file of weights in a process of its own. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";

const hub = new URL("../../dist/hub/index.js", import.meta.url).href;

/** Reads the order from its arguments, and answers on stdout. */
const PROGRAM = `
import { fetchWeights } from ${JSON.stringify(hub)};
const { url, ...options } = JSON.parse(process.argv[1]);
const answer = await fetchWeights(url, { progress: false, ...options }).then(
  (file) => ({ file }),
  ({ kind, message }) => ({ kind, message }),
);
process.stdout.write(JSON.stringify(answer));
`;

export interface Order {
  readonly url: string;
  readonly modelDir: string;
  readonly checkHash?: boolean;
  readonly progress?: boolean;
}

export interface Answer {
  readonly file?: string;
  readonly kind?: string;
  readonly message?: string;
  readonly stderr?: string;
}

/** @param within the command that runs the process, and its own arguments */
export function startWorker(
  order: Order,
  within: readonly string[] = [],
): ChildProcessByStdio<null, Readable, Readable> {
  const node = [process.execPath, "--input-type=module", "-e", PROGRAM, JSON.stringify(order)];
  const [command, ...rest] = [...within, ...node];
  return spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"] });
}

/** What a process answered, and what it complained of. */
export async function answerOf(worker: ChildProcessByStdio<null, Readable, Readable>): Promise<Answer> {
  const [stdout, stderr] = await Promise.all([text(worker.stdout), text(worker.stderr)]);
  if (stdout === "") throw new Error(`the process gave no answer: ${stderr}`);
  return { ...JSON.parse(stdout), stderr };
}

export const runWorker = async (order: Order, within?: readonly string[]): Promise<Answer> =>
  answerOf(startWorker(order, within));
