/**
 * `pnpm test:goldens [part …] [--device cpu|webgpu] [--slow] [--filter regex]`: runs the fixtures made by real PyTorch.
 *
 * Without parts, all that the set has are run; on webgpu, most models only with `--slow`. Ends with `N passed, N failed,
 * N skipped`, and `N left out` where some were; the exit code is 0 only where something passed and nothing failed.
 */

import { parseArgs } from "node:util";
import { init } from "@kindling/core";
import { fixtureDirectory } from "./fixtures.js";
import { PARTS, runParts } from "./parts.js";
import { Tally } from "./report.js";
import { isSlow } from "./slow.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: "string", default: "cpu" },
    slow: { type: "boolean", default: false },
    filter: { type: "string" },
  },
});

const unknown = positionals.filter((part) => !(part in PARTS));
if (unknown.length) {
  console.error(`unknown part ${unknown.join(", ")}; the parts are ${Object.keys(PARTS).join(", ")}`);
  process.exit(2);
}

const directory = fixtureDirectory();
console.log(`fixtures: ${directory}, device: ${values.device}`);
await init({ device: values.device as "cpu" });
const tally = new Tally(
  new RegExp(values.filter ?? ""),
  console.log,
  (name) => !values.slow && isSlow(values.device, name),
);
await runParts(directory, positionals.length ? positionals : Object.keys(PARTS), tally);
console.log(`${tally}`);
process.exit(tally.passed > 0 && tally.failed === 0 ? 0 : 1);
