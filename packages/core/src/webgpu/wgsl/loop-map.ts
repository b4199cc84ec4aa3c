/** Elementwise kernels: an invocation computes one point, or in large kernels a few. */

import type { LoopKernel } from "../../kernel.js";
import { numelOf } from "../../node.js";
import type { KernelProgram, Target } from "../program.js";
import { usesOfStages } from "./loop-uses.js";
import { Positions } from "./positions.js";
import { powerBelow } from "./powers.js";
import { indent, linearGroups, Shader } from "./shader.js";
import { printStores } from "./stores.js";

const WORKGROUP = 64;

/** Where there are more points than this, an invocation takes several. */
const MANY_POINTS = 1 << 20;
const POINTS_EACH = 4;
/** On processor cores a workgroup costs about as much as some of its points, and a few of them keep the cores busy. */
const MOST_EACH = 64;
const CORES = 16;

function pointsEach(count: number, { software }: Target): number {
  if (software) return Math.min(MOST_EACH, powerBelow(count / (WORKGROUP * CORES)));
  return count > MANY_POINTS ? POINTS_EACH : 1;
}

/** The program of a kernel whose points are all rows. */
export function printMap(kernel: LoopKernel, elements: readonly number[], target: Target): KernelProgram {
  const count = numelOf(kernel.rows);
  if (count === 0) return { passes: [], scratch: [] };
  const shader = new Shader(target, elements, usesOfStages(kernel, kernel.stages));
  const positions = new Positions();
  const stores = printStores(shader, kernel, kernel.stages, { position: positions.position, acc: noAcc });
  const each = pointsEach(count, target);
  const groups = linearGroups(Math.ceil(count / (WORKGROUP * each)), target);
  const act = [...positions.unravel("point", kernel.rows, 0), ...stores].join("\n");
  const guarded = `if (point < ${count}u) {\n${indent(act)}\n}`;
  const body =
    each === 1
      ? `let point = ${groups.number} * ${WORKGROUP}u + local;\n${guarded}`
      : [
          `for (var step = 0u; step < ${each}u; step++) {`,
          `  let point = (${groups.number} * ${each}u + step) * ${WORKGROUP}u + local;`,
          indent(guarded),
          "}",
        ].join("\n");
  const pass = shader.finish({
    title: `${kernel.name}: ${kernel.rows.join(" × ") || 1} points`,
    workgroupSize: [WORKGROUP, 1, 1],
    workgroups: groups.workgroups,
    body,
  });
  return { passes: [pass], scratch: [] };
}

function noAcc(): never {
  throw new Error("a kernel without a reduction uses the result of one");
}
