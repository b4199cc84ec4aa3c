/** Texts of what a point writes: all its values, and only then the stores. */

import type { LoopKernel, Stage } from "../../kernel.js";
import type { Shader } from "./shader.js";
import { affine, type Scope, Values } from "./values.js";

/** Statements of one point of consecutive stores. Names that `outer` has given are known to them. */
export function printStores(
  shader: Shader,
  kernel: LoopKernel,
  stages: readonly Stage[],
  at: Pick<Scope, "position" | "acc">,
  outer?: Values,
): string[] {
  const values = new Values(shader, { sources: kernel.sources, ...at }, "v", outer);
  const { statements, texts } = values.print(stages.map((s) => s.value));
  const named = stages.length === 1 ? texts : texts.map((_, i) => `out${i}`);
  const lets = stages.length === 1 ? [] : texts.map((text, i) => `let out${i} = ${text};`);
  const writes = stages.flatMap((s, i) => {
    if (s.kind !== "store") return [];
    const { target, value } = s;
    // int32 takes the bits of a u32.
    const stored = value.type === "u32" && target.dtype !== "bool" ? `bitcast<i32>(${named[i]})` : named[i];
    return [shader.store(target, affine(target.offset, target.strides, at.position), stored)];
  });
  return [...statements, ...lets, ...writes];
}
