/**
 * The first pass of a sort: runs sorted by themselves. Short ones by counting, for every element, those before it; longer
 * ones by a bitonic network in workgroup memory.
 */

import type { SortKernel } from "../../kernel.js";
import { usesOf } from "../../uses.js";
import type { Pass, Target } from "../program.js";
import { Positions } from "./positions.js";
import { powerBelow } from "./powers.js";
import { indent, linearGroups, Shader } from "./shader.js";
import { comesBefore, defineKey, keyAt, LAST_KEY } from "./sort-keys.js";
import { leaveElement, type Runs, type Sink, sideUses } from "./sort-runs.js";

const WORKGROUP = 64;
const MOST_INVOCATIONS = 256;

interface BlockPass {
  readonly kernel: SortKernel;
  readonly runs: Runs;
  readonly sink: Sink;
  readonly elements: readonly number[];
  readonly target: Target;
  readonly title: string;
}

function shaderOf({ kernel, runs, sink, elements, target }: BlockPass): Shader {
  const uses = usesOf(kernel).filter(({ write }) => !write || sink === "target");
  const shader = new Shader(target, elements, uses, sink === "target" ? [] : sideUses(sink, runs, true));
  defineKey(shader, kernel);
  return shader;
}

/** An invocation an element, which counts the elements of its run that come before. */
export function countingPass(pass: BlockPass): Pass {
  const { kernel, runs, sink, target, title } = pass;
  const { length, rows } = kernel;
  const { count, span, kept } = runs;
  const shader = shaderOf(pass);
  const positions = new Positions();
  const own = keyAt(shader, kernel, positions.position, "i32(own)");
  const other = keyAt(shader, kernel, positions.position, "i32(other)");
  const element = { run: count > 1 ? `(row * ${count}u + run)` : "row", rank: "rank", key: "key", item: "own" };
  const leave = leaveElement(shader, kernel, runs, sink, element, positions.position);
  const elements = runs.rowCount * length;
  const groups = linearGroups(Math.ceil(elements / WORKGROUP), target);
  const bounds =
    count > 1
      ? [`let run = own / ${span}u;`, `let first = run * ${span}u;`, `let end = min(first + ${span}u, ${length}u);`]
      : ["let first = 0u;", `let end = ${length}u;`];
  const body = [
    `let element = ${groups.number} * ${WORKGROUP}u + local;`,
    `if (element >= ${elements}u) { return; }`,
    `let row = element / ${length}u;`,
    `let own = element % ${length}u;`,
    ...positions.unravel("row", rows, 0),
    ...bounds,
    ...own.statements,
    `let key = ${own.key};`,
    "var rank = 0u;",
    "for (var other = first; other < end; other++) {",
    ...other.statements.map(indent),
    `  let other_key = ${other.key};`,
    `  rank += u32(${comesBefore(["other_key", "other"], ["key", "own"])});`,
    "}",
    `if (rank < ${kept}u) {`,
    ...leave.map(indent),
    "}",
  ];
  const workgroupSize = [WORKGROUP, 1, 1] as const;
  return shader.finish({ title, workgroupSize, workgroups: groups.workgroups, body: body.join("\n") });
}

/** A workgroup sorts a run of at most `size` elements, a power of two, or several short ones. */
export function bitonicPass(pass: BlockPass, size: number): Pass {
  const { kernel, runs, sink, target, title } = pass;
  const { length, rows } = kernel;
  const { rowCount, count, span, kept } = runs;
  const places = Math.max(size, 2 * WORKGROUP);
  const workgroup = Math.min(places / 2, MOST_INVOCATIONS, powerBelow(target.invocations));
  const groups = linearGroups(Math.ceil((rowCount * count * size) / places), target);
  const shader = shaderOf(pass);
  shader.define(`var<workgroup> keys: array<u32, ${places}>;\nvar<workgroup> items: array<u32, ${places}>;`);
  const positions = new Positions();
  const { statements, key } = keyAt(shader, kernel, positions.position, "i32(item)");
  const element = { run: "run", rank: "rank", key: "keys[place]", item: "items[place]" };
  const leave = leaveElement(shader, kernel, runs, sink, element, positions.position);
  const perGroup = places / size;
  const eachPlace = (lines: readonly string[]): string[] => [
    `for (var place = local; place < ${places}u; place += ${workgroup}u) {`,
    perGroup > 1 ? `  let run = ${groups.number} * ${perGroup}u + place / ${size}u;` : `  let run = ${groups.number};`,
    perGroup > 1 ? `  let rank = place % ${size}u;` : "  let rank = place;",
    count > 1 ? `  let row = run / ${count}u;` : "  let row = run;",
    count > 1 ? `  let item = run % ${count}u * ${span}u + rank;` : "  let item = rank;",
    // What a run lacks lies behind what it has.
    `  let exists = row < ${rowCount}u && item < ${length}u;`,
    ...lines.map(indent),
    "}",
  ];
  const rowPositions = positions.unravel("row", rows, 0);
  const load = [...rowPositions, ...statements, `keys[place] = ${key};`, "items[place] = item;"];
  const body = [
    ...eachPlace([
      `keys[place] = ${LAST_KEY};`,
      `items[place] = ${LAST_KEY};`,
      "if (exists) {",
      ...load.map(indent),
      "}",
    ]),
    ...bitonic(size, places, workgroup),
    ...eachPlace([`if (exists && rank < ${kept}u) {`, ...[...rowPositions, ...leave].map(indent), "}"]),
  ];
  const workgroupSize = [workgroup, 1, 1] as const;
  return shader.finish({ title, workgroupSize, workgroups: groups.workgroups, body: body.join("\n") });
}

/** Sorts every `size` of the places: ever longer sequences that rise and then fall are made to rise. */
function bitonic(size: number, places: number, workgroup: number): string[] {
  const swap = comesBefore(["keys[high]", "items[high]"], ["keys[low]", "items[low]"]);
  return [
    `for (var sorted = 2u; sorted <= ${size}u; sorted *= 2u) {`,
    "  for (var apart = sorted / 2u; apart > 0u; apart /= 2u) {",
    "    workgroupBarrier();",
    `    for (var pair = local; pair < ${places / 2}u; pair += ${workgroup}u) {`,
    "      let low = 2u * pair - (pair & (apart - 1u));",
    "      let high = low + apart;",
    `      let rises = (low & sorted & ${size - 1}u) == 0u;`,
    `      if (${swap} == rises) {`,
    "        let key = keys[low];",
    "        let item = items[low];",
    "        keys[low] = keys[high];",
    "        items[low] = items[high];",
    "        keys[high] = key;",
    "        items[high] = item;",
    "      }",
    "    }",
    "  }",
    "}",
    "workgroupBarrier();",
  ];
}
