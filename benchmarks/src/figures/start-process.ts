// The shortest program that computes: import, init, one matmul. Prints what each took and ends by itself.

import { performance } from "node:perf_hooks";
import { init, rand } from "@kindling/core";

/** Milliseconds of the parts. */
export interface StartParts {
  import: number;
  init: number;
  matmul: number;
}

const imported = performance.now();
await init({ device: "cpu", threads: Number(process.argv[2]) });
const started = performance.now();
await rand([64, 64])
  .matmul(rand([64, 64]))
  .data();
const parts: StartParts = {
  import: imported - performance.nodeTiming.bootstrapComplete,
  init: started - imported,
  matmul: performance.now() - started,
};
console.log(JSON.stringify(parts));
