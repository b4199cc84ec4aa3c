/** Shows what was found. */

import type { CheckReport, Facts } from "./report.js";

const byId = (id: string): HTMLElement => document.getElementById(id)!;

function addRow(body: Element, cells: readonly (string | number)[]): void {
  const row = document.createElement("tr");
  for (const text of cells) row.appendChild(document.createElement("td")).textContent = `${text}`;
  body.append(row);
}

export function showStatus(text: string): void {
  byId("status").textContent = text;
}

export function showFacts({ device, adapter, threads, cores, crossOriginIsolated }: Facts): void {
  const body = byId("facts");
  addRow(body, ["Device", device]);
  if (adapter !== undefined) addRow(body, ["Adapter", adapter]);
  if (threads !== undefined) addRow(body, ["Threads", `${threads} of ${cores} cores`]);
  addRow(body, ["Cross-origin isolated", crossOriginIsolated ? "yes" : "no, so without shared memory"]);
}

/** A row of the table; failures also as text below it. */
export function showCheck(name: string, { passed, failed, skipped, lines, seconds }: CheckReport): void {
  const table = byId("results");
  table.hidden = false;
  addRow(table.querySelector("tbody")!, [name, passed, failed, skipped, seconds.toFixed(1)]);
  const failures = lines.filter((line) => line.startsWith("FAIL"));
  if (failures.length === 0) return;
  byId("failures").hidden = false;
  byId("failures").append(`${failures.join("\n")}\n`);
}

/** The curve of the losses so far. */
export function showLosses(losses: readonly number[], steps: number): void {
  const chart = byId("losses");
  chart.removeAttribute("hidden");
  const highest = Math.max(...losses);
  const points = losses.map((loss, i) => `${(400 * i) / (steps - 1)},${110 - (100 * loss) / highest}`);
  chart.querySelector("polyline")!.setAttribute("points", points.join(" "));
  chart.querySelector("text")!.textContent = `loss ${losses.at(-1)!.toFixed(4)}`;
}
