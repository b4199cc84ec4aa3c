/** Winograd's convolution as a kernel of the cpu device, where it is faster than summing directly. */

import type { ConvKernel } from "../kernel.js";
import type { EpilogueParts } from "./gemm-epilogue.js";
import { printWalk } from "./gemm-pack.js";
import { type TileShape, tileKey } from "./gemm-tile.js";
import { type CpuKernel, type CpuStage, moduleCode } from "./kernel.js";
import type { WasmModule } from "./wasm/index.js";
import { printFilterStage, printProductStage, printTileStage } from "./winograd-code.js";
import { F2, F4, type WinogradForm } from "./winograd-form.js";
import { WINOGRAD, writeWinograd } from "./winograd-params.js";
import { directCost, planWinograd, type WinogradPlan, workOf } from "./winograd-plan.js";
import { type WinogradSpec, winogradSpec } from "./winograd-spec.js";

/** Multiply-adds below which convolutions are summed directly: 40 µs, of which few would be gained. */
const LEAST_WORK = 1 << 20;

/** The kernel, or undefined where the algorithm does not apply or is not worth its transforms. */
export function printWinograd(kernel: ConvKernel, epilogue: EpilogueParts, shape: TileShape): CpuKernel | undefined {
  const spec = winogradSpec(kernel, epilogue.affine);
  if (!spec || workOf(spec) < LEAST_WORK) return undefined;
  const choices = [F4, F2].flatMap((form) => {
    const plan = planWinograd(spec, form, shape);
    return plan ? [{ form, plan }] : [];
  });
  const best = choices.toSorted((x, y) => x.plan.cost - y.plan.cost)[0];
  return best && best.plan.cost < directCost(spec, shape)
    ? winogradKernel(spec, best.form, best.plan, epilogue, shape)
    : undefined;
}

export function winogradKernel(
  spec: WinogradSpec,
  form: WinogradForm,
  plan: WinogradPlan,
  epilogue: EpilogueParts,
  shape: TileShape,
): CpuKernel {
  const { filters, tiles, ...written } = writeWinograd(spec, form, plan, shape, epilogue.bases, epilogue.uniforms);
  const { key, print } = epilogue.printer([spec.affine], WINOGRAD.bytes);
  const name = `winograd F${form.outputs} ${tileKey(shape)}`;
  const stage = (what: string, tasks: number, printCode: (m: WasmModule) => void): CpuStage => ({
    code: moduleCode(`${name} ${what}`, printCode),
    tasks,
    ...written,
  });
  return {
    stages: [
      ...(plan.sharedU ? [stage("filters", filters.tasks, (m) => printFilterStage(m, form, shape))] : []),
      ...(plan.sharedV ? [stage("tiles", tiles.tasks, (m) => printTileStage(m, form, shape))] : []),
      stage(key, plan.mBlocks * plan.nBlocks, (m) => printProductStage(m, form, shape, print(m, printWalk(m)))),
    ],
    workspace: tiles.bytes,
    prepared: plan.sharedU ? { buffer: spec.weight.buffer, bytes: filters.bytes } : undefined,
  };
}
