/** From contractions with one epilogue to a kernel of the cpu device. */

import { ArgumentError, DTypeError } from "../errors.js";
import type { Access } from "../kernel.js";
import { type Fetch, printDriver } from "./gemm-driver.js";
import type { EpilogueParts } from "./gemm-epilogue.js";
import { printWalk } from "./gemm-pack.js";
import { FIELDS, type PlannedContraction, writeParams } from "./gemm-params.js";
import { planBlocks } from "./gemm-plan.js";
import { type Contraction, isIrregular, type Operand, transpose } from "./gemm-spec.js";
import { asThin, thinKernel } from "./gemm-thin.js";
import { type TileShape, tileKey } from "./gemm-tile.js";
import { type CpuKernel, moduleCode, oneStage } from "./kernel.js";

/** Refuses what panels cannot be packed from. */
export function checkOperand(name: string, what: string, { dtype, indirect }: Access): void {
  if (dtype !== "float32" && dtype !== "float16")
    throw new DTypeError(
      `${name}: ${what} is ${dtype}; the cpu device multiplies float32 and float16, convert it first`,
    );
  if (indirect.length > 0)
    throw new ArgumentError(
      `${name}: ${what} is indexed by values; only strides and bounds are known here, realize it first`,
    );
}

const fetchOf = (operand: Operand): Fetch =>
  isIrregular(operand) ? { dtype: operand.access.dtype, bounds: operand.bounds.length } : "regular";

const fetchKey = (fetch: Fetch): string => (fetch === "regular" ? fetch : `${fetch.dtype}+${fetch.bounds}`);

interface Choice {
  readonly shape: TileShape;
  readonly parts: readonly PlannedContraction[];
}

/** By how much another way must be faster than the first, since kernels that share code get hot sooner. */
const WORTH = 0.9;

/** The tile, and whether the result is computed transposed, by what that is estimated to take. */
function cheapest(contractions: readonly Contraction[], tiles: readonly TileShape[]): Choice {
  const forms = [contractions];
  if (contractions.every(({ slab }) => !slab)) forms.push(contractions.map(transpose));
  const choices = forms.flatMap((form) =>
    tiles.map((shape): Choice & { time: number } => {
      const parts = form.map((contraction) => ({ contraction, plan: planBlocks(contraction, shape) }));
      return { shape, parts, time: parts.reduce((sum, { plan }) => sum + plan.nanoseconds, 0) };
    }),
  );
  return choices.reduce((best, choice) =>
    choice.time < best.time * (best === choices[0] ? WORTH : 1) ? choice : best,
  );
}

/** The kernel that computes the contractions one after the other; their tasks are all independent. */
export function contractionKernel(
  contractions: readonly Contraction[],
  epilogue: EpilogueParts,
  tiles: readonly TileShape[],
): CpuKernel {
  const thin = contractions.length === 1 ? asThin(contractions[0]) : undefined;
  if (thin) return thinKernel(thin, epilogue);
  const { parts, shape } = cheapest(contractions, tiles);
  // The contractions of a kernel differ in shape alone.
  const [a, b] = [fetchOf(parts[0].contraction.a), fetchOf(parts[0].contraction.b)];
  const { key, print } = epilogue.printer(
    parts.map(({ contraction }) => contraction.affine),
    FIELDS.bytes * parts.length,
  );
  return oneStage({
    code: moduleCode(`gemm ${tileKey(shape)} ${fetchKey(a)} ${fetchKey(b)} ${key}`, (m) => {
      const walk = printWalk(m);
      printDriver(m, { shape, walk, epilogue: print(m, walk), a, b });
    }),
    tasks: parts.reduce((sum, { plan }) => sum + plan.tasks, 0),
    ...writeParams(parts, epilogue.bases, shape, epilogue.uniforms),
  });
}
