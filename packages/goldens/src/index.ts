/** What judges, without Node: `main.ts` gives it files, and a page what it fetched. */

export { Worst } from "./encoded.js";
export { fillEntry, fillInput, unit } from "./fill.js";
export { type OpsFixture, runOps } from "./ops.js";
export { Tally } from "./report.js";
export { parseSafetensors } from "./stored.js";
export { FIRST_LOSS, laterLoss } from "./tolerances.js";
