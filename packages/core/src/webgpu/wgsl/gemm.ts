/** From contractions to passes: which kind of shader, how many parts along k, and the pass that adds parts up. */

import type { KernelProgram, Pass, Target } from "../program.js";
import { type Contraction, exchange, sizeOf } from "./contraction.js";
import { directSteps, directTile, printDirect } from "./gemm-direct.js";
import { ceilDiv, defineFinish, epilogueUses, placeOfPart, sumType, TERMS } from "./gemm-text.js";
import { linearGroups, Shader } from "./shader.js";

/** The contractions one after the other. */
export function printContractions(
  contractions: readonly Contraction[],
  elements: readonly number[],
  target: Target,
): KernelProgram {
  const passes: Pass[] = [];
  const scratch: number[] = [];
  for (const contraction of contractions) {
    const c = sizeOf(contraction, "m") > sizeOf(contraction, "n") ? exchange(contraction) : contraction;
    const results = sizeOf(c, "batch") * sizeOf(c, "m") * sizeOf(c, "n");
    if (results === 0) continue;
    const parts = partsOf(c, target);
    if (parts === 1) passes.push(printDirect(c, elements, target, 1, { kind: "epilogue" }));
    else {
      const index = scratch.length;
      if (parts > 0) {
        scratch.push(parts * results);
        const use = { index, elements: parts * results, write: true };
        passes.push(printDirect(c, elements, target, parts, { kind: "parts", scratch: use }));
      }
      passes.push(printSum(c, elements, target, parts, index));
    }
  }
  return { passes, scratch };
}

/** Invocations that keep an adapter busy, and products that are worth an invocation's while. */
const BUSY = { software: 256, hardware: 1 << 14 };
const WORTH = 512;
const MOST_PARTS = 128;

/** Parts that the products along k are divided into: more than one where the result alone gives too little to do at
 *  once, none where there is nothing to add. */
function partsOf(c: Contraction, target: Target): number {
  if (sizeOf(c, "k") === 0) return 0;
  const { m, n } = directTile(c, target);
  const items = sizeOf(c, "batch") * ceilDiv(sizeOf(c, "m"), m) * ceilDiv(sizeOf(c, "n"), n);
  const steps = directSteps(c);
  const wanted = ceilDiv(target.software ? BUSY.software : BUSY.hardware, items);
  const parts = Math.max(1, Math.min(wanted, Math.floor((steps * TERMS) / WORTH), MOST_PARTS));
  return ceilDiv(steps, ceilDiv(steps, parts));
}

const INVOCATIONS = 64;

/** The pass that adds the parts of each element up and hands the total to the epilogue. */
function printSum(c: Contraction, elements: readonly number[], target: Target, parts: number, index: number): Pass {
  const [batches, rows, columns] = (["batch", "m", "n"] as const).map((axis) => sizeOf(c, axis));
  const results = batches * rows * columns;
  const type = sumType(c);
  const scratch = parts > 0 ? [{ index, elements: parts * results, write: false }] : [];
  const shader = new Shader(target, elements, epilogueUses(c), scratch);
  defineFinish(shader, c, { kind: "epilogue" }, type);
  const { workgroups, number } = linearGroups(ceilDiv(results, INVOCATIONS), target);
  const add = (): string => {
    const word = shader.loadScratch(index, placeOfPart(c));
    const element = type === "f32" ? word : `bitcast<i32>(${word})`;
    return `for (var part = 0; part < ${parts}; part++) {\n  total += ${element};\n}\n`;
  };
  const body = `
let item = i32(${number}) * ${INVOCATIONS} + i32(local);
if (item >= ${results}) { return; }
let n = item % ${columns};
let m = item / ${columns} % ${rows};
let batch = item / ${columns * rows};
var total = ${type}();
${parts > 0 ? add() : ""}finish(0, batch, m, n, total);`.trim();
  return shader.finish({
    title: `${c.name}: the sum of ${parts} parts of ${batches} × ${rows} × ${columns} elements`,
    workgroupSize: [INVOCATIONS, 1, 1],
    workgroups,
    body,
  });
}
