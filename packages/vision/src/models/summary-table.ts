/** A model's summary as text: a tree of layers with columns beside it, and totals below. */

import type { LayerSummary, Summary } from "./summary.js";

const HEADINGS = ["Layer (type)", "Output shape", "Params", "Trainable", "Mult-adds"] as const;

/** Columns of words start at the left, those of numbers end at the right. */
const NUMBERS: ReadonlySet<number> = new Set([2, 4]);

/** @param depth levels of layers below the model that are shown */
export function formatSummary(summary: Summary, depth: number): string {
  const rows = summary.layers.filter((layer) => layer.depth <= depth).map(cells);
  const table = [HEADINGS, ...rows];
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const lines = table.map((row) =>
    row
      .map((cell, i) => (NUMBERS.has(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join("  ")
      .trimEnd(),
  );
  const rule = "─".repeat(Math.max(...lines.map((line) => line.length)));
  const [headings, ...body] = lines;
  return [rule, headings, rule, ...body, rule, ...totals(summary), rule].join("\n");
}

function cells(layer: LayerSummary): readonly string[] {
  const { depth, name, type, outputShape, repeated, params, trainableParams, multiplyAdds } = layer;
  const label = depth === 0 ? type : `${"│  ".repeat(depth - 1)}├─ ${name} (${type})`;
  const trainable = params === 0 ? "" : trainableParams === 0 ? "no" : trainableParams === params ? "yes" : "partly";
  return [
    label,
    outputShape ? `[${outputShape.join(", ")}]` : "not called",
    repeated && params > 0 ? "(again)" : count(params),
    trainable,
    count(multiplyAdds),
  ];
}

function totals(summary: Summary): string[] {
  const { totalParams, trainableParams } = summary;
  return [
    `Params: ${integer(totalParams)} (trainable ${integer(trainableParams)}, frozen ${integer(totalParams - trainableParams)})`,
    `Mult-adds: ${scaled(summary.multiplyAdds)}`,
    `Memory, MB: input ${megabytes(summary.inputBytes)}, forward and backward ${megabytes(summary.forwardBackwardBytes)}, ` +
      `parameters ${megabytes(summary.paramBytes)}, total ${megabytes(summary.totalBytes)}`,
  ];
}

const integer = (n: number): string => n.toLocaleString("en-US");
const count = (n: number): string => (n === 0 ? "–" : integer(n));
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2);

function scaled(n: number): string {
  const [unit, name] = n >= 1e9 ? [1e9, " G"] : n >= 1e6 ? [1e6, " M"] : [1, ""];
  return unit === 1 ? integer(n) : `${(n / unit).toFixed(2)}${name}`;
}
