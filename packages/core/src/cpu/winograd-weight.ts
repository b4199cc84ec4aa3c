/** Gradients of the weights of 3×3 convolutions by Winograd's form, as kernels of the cpu device. */

import type { ConvKernel } from "../kernel.js";
import { type EpilogueParts, spread } from "./gemm-epilogue.js";
import { printWalk } from "./gemm-pack.js";
import { type TileShape, tileKey } from "./gemm-tile.js";
import { type CpuKernel, type CpuStage, moduleCode } from "./kernel.js";
import type { WasmModule } from "./wasm/index.js";
import { printBlocks, printFinishSums, printSums, printTransforms, WEIGHT } from "./winograd-weight-code.js";
import { layOut, tasksOf, writeWeight } from "./winograd-weight-params.js";
import { canWinograd, paysWinograd, planWeight, type WeightPlan } from "./winograd-weight-plan.js";

/** The kernel, or undefined where the form does not apply or is not worth its transforms. */
export function printWinogradWeight(
  kernel: ConvKernel,
  epilogue: EpilogueParts,
  tile: TileShape,
): CpuKernel | undefined {
  if (!canWinograd(kernel, tile)) return undefined;
  const plan = planWeight(kernel.shape, tile);
  return paysWinograd(kernel.shape, plan, tile) ? winogradWeightKernel(kernel, plan, epilogue, tile) : undefined;
}

export function winogradWeightKernel(
  kernel: ConvKernel,
  plan: WeightPlan,
  epilogue: EpilogueParts,
  tile: TileShape,
): CpuKernel {
  const { shape: s } = kernel;
  const { shared, parts } = plan;
  const affine = spread(epilogue.affine, ([out, channel, row, column]) => ({
    offset: 0,
    batch: [],
    m: [{ size: s.oc, stride: out }],
    n: [
      { size: s.ic, stride: channel },
      { size: s.kh, stride: row },
      { size: s.kw, stride: column },
    ],
  }));
  const layout = layOut(kernel, plan, tile);
  const { key, print } = epilogue.printer([affine], WEIGHT.bytes);
  const name = `winograd weight ${tileKey(tile)}`;
  const stage = (part: string, tasks: number, code: (m: WasmModule) => void): CpuStage => ({
    code: moduleCode(`${name} ${part}`, code),
    ...writeWeight({ kernel, plan, layout, epilogue, affine }, tasks),
  });
  const from = shared ? "shared" : "own";
  const transforms = stage("transforms", tasksOf.transforms(kernel, plan), (m) => printTransforms(m, tile));
  const blocks = stage(`${from} blocks ${key}`, tasksOf.sums(plan), (m) =>
    printBlocks(m, tile, shared, print(m, printWalk(m))),
  );
  const sums = stage(`${from} sums`, tasksOf.sums(plan), (m) => printSums(m, tile, shared));
  const finish = stage(`finish ${key}`, tasksOf.finish(plan), (m) => printFinishSums(m, tile, print(m, printWalk(m))));
  return {
    stages: [...(shared ? [transforms] : []), ...(parts === 1 ? [blocks] : [sums, finish])],
    workspace: layout.workspace,
  };
}
