/** The page: starts the device that `?device=` names, runs the checks, shows them, and hands the report to who asks. */

import { type Device, type InitOptions, init } from "@kindling/core";
import { checkOperators } from "./operators.js";
import type { Facts, PageReport } from "./report.js";
import { checkTraining } from "./small-cnn.js";
import { showCheck, showFacts, showLosses, showStatus } from "./view.js";

async function start(): Promise<Facts> {
  const wanted = new URLSearchParams(location.search).get("device") ?? "auto";
  const device = await init({ device: wanted as InitOptions["device"] });
  const threads = "threads" in device ? Number(device.threads) : undefined;
  const cores = navigator.hardwareConcurrency;
  return { device: device.name, adapter: adapterOf(device), threads, cores, crossOriginIsolated };
}

/** What the graphics driver calls itself. */
function adapterOf(device: Device): string | undefined {
  if (!("gpu" in device && device.gpu instanceof GPUDevice)) return undefined;
  const { vendor, architecture, description } = device.gpu.adapterInfo;
  return description || `${vendor} ${architecture}`;
}

async function main(): Promise<PageReport> {
  const facts = await start();
  showFacts(facts);
  showStatus("Operators…");
  const operators = await checkOperators();
  showCheck("Operators", operators);
  showStatus("Training…");
  const training = await checkTraining(showLosses);
  showCheck("Twenty steps of a small CNN", training);
  showStatus(operators.failed + training.failed === 0 ? "All as in PyTorch." : "Not all as in PyTorch.");
  return { facts, operators, training };
}

window.kindling = main();
window.kindling.catch((error: unknown) => showStatus(String(error)));
