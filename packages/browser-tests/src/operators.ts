/** All cases of the operator goldens, forward and gradient. */

import { type OpsFixture, parseSafetensors, runOps } from "@kindling/goldens";
import { report } from "./check.js";
import { fetchBytes, fetchJson } from "./fetch.js";
import type { CheckReport } from "./report.js";

const CASES = new URL("../../goldens/fixtures/ops/ops.json.gz", import.meta.url);
const TENSORS = new URL("../../goldens/fixtures/ops/ops.safetensors.gz", import.meta.url);

export async function checkOperators(): Promise<CheckReport> {
  const [fixture, tensors] = await Promise.all([fetchJson<OpsFixture>(CASES), fetchBytes(TENSORS)]);
  const stored = parseSafetensors(tensors, "ops.safetensors");
  return report((tally) => runOps(fixture, stored, tally));
}
