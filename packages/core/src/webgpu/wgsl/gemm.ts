/** From contractions to passes: which kind of shader, how many parts along k, and the pass that adds parts up. */

import type { KernelProgram, Pass, Target } from "../program.js";
import { type Contraction, exchange, sizeOf } from "./contraction.js";
import { directBlock, directUnits, printDirect } from "./gemm-direct.js";
import { ceilDiv, defineFinish, type End, epilogueUses, placeOfPart, sumType, TERMS } from "./gemm-text.js";
import { isAlongK, printTiled, tiledUnits, tileOf } from "./gemm-tiled.js";
import { linearGroups, Shader } from "./shader.js";

/** How the products of a contraction are multiplied. */
interface Method {
  print(c: Contraction, elements: readonly number[], target: Target, parts: number, end: End): Pass;
  /** What parts along k are made of. */
  readonly units: number;
  /** Parts that are wanted to keep the adapter busy, and units that a part should have. */
  readonly wanted: number;
  readonly worth: number;
}

/** Invocations or workgroups that keep an adapter busy. */
const BUSY = { software: 256, invocations: 1 << 14, workgroups: 128 };
/** Products that a part should have, so that adding it up is little beside them. */
const WORTH = { direct: 512, tiled: 128 };
const MOST_PARTS = 128;

function methodOf(c: Contraction, target: Target): Method {
  const [batches, rows, columns] = [sizeOf(c, "batch"), sizeOf(c, "m"), sizeOf(c, "n")];
  const blocks = (m: number, n: number): number => batches * ceilDiv(rows, m) * ceilDiv(columns, n);
  // A single row shares nothing; if its columns lie side by side, or are few, workgroup memory gains nothing.
  const alone = rows === 1 && (columns <= 16 || !isAlongK({ c, access: c.b, axis: "n" }));
  if (target.software || alone) {
    const { m, n } = directBlock(c, target);
    const busy = target.software ? BUSY.software : BUSY.invocations;
    const units = directUnits(c);
    const worth = (WORTH.direct * units) / sizeOf(c, "k");
    return { print: printDirect, units, wanted: ceilDiv(busy, blocks(m, n)), worth };
  }
  const { m, n, down, across } = tileOf(c, target);
  const units = tiledUnits(c);
  const wanted = ceilDiv(BUSY.workgroups, blocks(m * down, n * across));
  return { print: printTiled, units, wanted, worth: WORTH.tiled / TERMS };
}

/** Parts that the products along k are divided into: more than one where the result alone gives too little to do at
 *  once. */
function partsOf({ units, wanted, worth }: Method): number {
  const parts = Math.max(1, Math.min(wanted, Math.floor(units / worth), MOST_PARTS, units));
  return ceilDiv(units, ceilDiv(units, parts));
}

/** The contractions one after the other. `inParts` allows for a second pass, which adds up parts along k. */
export function printContractions(
  contractions: readonly Contraction[],
  elements: readonly number[],
  target: Target,
  inParts: boolean,
): KernelProgram {
  const passes: Pass[] = [];
  const scratch: number[] = [];
  for (const given of contractions) {
    const c = sizeOf(given, "m") > sizeOf(given, "n") ? exchange(given) : given;
    const results = sizeOf(c, "batch") * sizeOf(c, "m") * sizeOf(c, "n");
    if (results === 0) continue;
    if (sizeOf(c, "k") === 0) {
      passes.push(printSum(c, elements, target, 0, 0));
      continue;
    }
    const method = methodOf(c, target);
    const parts = inParts ? partsOf(method) : 1;
    if (parts === 1) {
      passes.push(method.print(c, elements, target, 1, { kind: "epilogue" }));
      continue;
    }
    const index = scratch.length;
    scratch.push(parts * results);
    const use = { index, elements: parts * results, write: true };
    passes.push(method.print(c, elements, target, parts, { kind: "parts", scratch: use }));
    passes.push(printSum(c, elements, target, parts, index));
  }
  return { passes, scratch };
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
