/** What judges, without Node: `main.ts` gives it files, and a page what it fetched. */

export { absmax, checkValues, Worst } from "./encoded.js";
export { key, unit } from "./fill.js";
export { fillModel } from "./model.js";
export { type OpsFixture, runOps } from "./ops.js";
export { Tally } from "./report.js";
export { parseSafetensors } from "./stored.js";
export { sampleLogits, sampleLoss } from "./tolerances.js";
