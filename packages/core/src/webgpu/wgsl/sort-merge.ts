/**
 * A later pass of a sort: joins the runs of a row two by two. Every element finds its place by itself: its number in its
 * own run, and as many more as elements of the other run come before it.
 */

import type { SortKernel } from "../../kernel.js";
import { usesOf } from "../../uses.js";
import type { Pass, Target } from "../program.js";
import { Positions } from "./positions.js";
import { indent, linearGroups, Shader } from "./shader.js";
import { keptBy, leaveElement, loadItem, loadKey, type Runs, type Side, type Sink, sideUses } from "./sort-runs.js";

const WORKGROUP = 64;

export function mergePass(
  kernel: SortKernel,
  from: { readonly side: Side; readonly runs: Runs },
  to: { readonly sink: Sink; readonly runs: Runs },
  elements: readonly number[],
  target: Target,
  title: string,
): Pass {
  const { side, runs } = from;
  const { count, span, kept } = runs;
  const { length } = kernel;
  const uses = usesOf(kernel).filter(({ write }) => write && to.sink === "target");
  const shader = new Shader(target, elements, uses, [
    ...sideUses(side, runs, false),
    ...(to.sink === "target" ? [] : sideUses(to.sink, to.runs, true)),
  ]);
  // A run at the end of its row may be short, and the last may have no partner.
  shader.define(
    `fn kept_of(run: u32) -> u32 {\n  return min(${length}u - min(${length}u, run * ${span}u), ${kept}u);\n}`,
  );
  const positions = new Positions();
  const element = {
    run: to.runs.count > 1 ? `(row * ${to.runs.count}u + run / 2u)` : "row",
    rank: "rank",
    key: "key",
    item: loadItem(shader, side, "i32(element)"),
  };
  const leave = leaveElement(shader, kernel, to.runs, to.sink, element, positions.position);
  const groups = linearGroups(Math.ceil(keptBy(runs) / WORKGROUP), target);
  const body = [
    `let element = ${groups.number} * ${WORKGROUP}u + local;`,
    `if (element >= ${keptBy(runs)}u) { return; }`,
    `let own = element % ${kept}u;`,
    `let run = element / ${kept}u % ${count}u;`,
    `let row = element / ${kept * count}u;`,
    "if (own >= kept_of(run)) { return; }",
    `let key = ${loadKey(shader, side, "i32(element)")};`,
    "let partner = run ^ 1u;",
    `let first = (row * ${count}u + partner) * ${kept}u;`,
    "var low = 0u;",
    "var high = kept_of(partner);",
    "while (low < high) {",
    "  let middle = (low + high) / 2u;",
    `  let other = ${loadKey(shader, side, "i32(first + middle)")};`,
    "  // Of equal elements those of the earlier run come first.",
    "  let before = other < key || (other == key && partner < run);",
    "  if (before) { low = middle + 1u; } else { high = middle; }",
    "}",
    "let rank = own + low;",
    `if (rank < ${to.runs.kept}u) {`,
    ...positions.unravel("row", kernel.rows, 0).map(indent),
    ...leave.map(indent),
    "}",
  ];
  const workgroupSize = [WORKGROUP, 1, 1] as const;
  return shader.finish({ title, workgroupSize, workgroups: groups.workgroups, body: body.join("\n") });
}
