// What `pnpm bench` understands.

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

const usage = `pnpm bench [options]
  --only <pattern>   what has a name that matches this regular expression
  --device <name>    cpu (default) or auto
  --engines          on Node 24 without and with --experimental-wasm-revectorize and on this Node, not on this Node alone;
                     the first run installs Node 24
  --threads <n>      ours and the peers' (default: as many as the machine has cores)
  --runs <n>         least number of runs of which the median is taken (default 7)
  --rounds <n>       time everything so many times, we and the peers in turn, and take medians (default 1)
  --checkpoint <path>  a .pth of a state dict for the checkpoint workloads (default: one is made)
  --profile          time each kernel of a run alone on the cpu device, instead of the whole
  --no-peers         leave the other frameworks out; else the first run installs those that npm has
  --targets          print which targets were met
  --json             print JSON
  --list             print the names of all that is measured`;

/** Ends the program with a message and the usage. */
export function fail(message: string): never {
  console.error(`bench: ${message}\n\n${usage}`);
  process.exit(2);
}

function count(name: string, text: string): number {
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : fail(`--${name} takes a number of at least 1, not "${text}"`);
}

export type Options = ReturnType<typeof parseOptions>;

/** The command line's options; prints the usage and ends where that is asked for. */
export function parseOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: "string", default: "" },
        device: { type: "string", default: "cpu" },
        engines: { type: "boolean", default: false },
        threads: { type: "string", default: String(availableParallelism()) },
        runs: { type: "string", default: "7" },
        rounds: { type: "string", default: "1" },
        checkpoint: { type: "string" },
        profile: { type: "boolean", default: false },
        "no-peers": { type: "boolean", default: false },
        targets: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit();
    }
    const counts = {
      threads: count("threads", values.threads),
      runs: count("runs", values.runs),
      rounds: count("rounds", values.rounds),
    };
    return { ...values, ...counts };
  } catch (error) {
    return fail((error as Error).message);
  }
}
