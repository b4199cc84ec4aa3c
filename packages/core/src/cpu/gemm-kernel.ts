/** From contractions with one epilogue to a kernel of the cpu device. */

import { ArgumentError, DTypeError } from "../errors.js";
import type { Access } from "../kernel.js";
import { type Fetch, printDriver } from "./gemm-driver.js";
import type { EpilogueParts } from "./gemm-epilogue.js";
import { printWalk } from "./gemm-pack.js";
import { FIELDS, writeParams } from "./gemm-params.js";
import { planBlocks } from "./gemm-plan.js";
import { type Contraction, isIrregular, type Operand } from "./gemm-spec.js";
import { asThin, thinKernel } from "./gemm-thin.js";
import type { TileShape } from "./gemm-tile.js";
import { type CpuKernel, oneStage } from "./kernel.js";
import { WasmModule } from "./wasm/index.js";

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

/** The kernel that computes the contractions one after the other; their tasks are all independent. */
export function contractionKernel(
  contractions: readonly Contraction[],
  epilogue: EpilogueParts,
  shape: TileShape,
): CpuKernel {
  const thin = contractions.length === 1 ? asThin(contractions[0]) : undefined;
  if (thin) return thinKernel(thin, epilogue);
  const parts = contractions.map((contraction) => ({ contraction, plan: planBlocks(contraction, shape) }));
  // The contractions of a kernel differ in shape alone.
  const [a, b] = [fetchOf(contractions[0].a), fetchOf(contractions[0].b)];
  const { key, print } = epilogue.printer(
    contractions.map(({ affine }) => affine),
    FIELDS.bytes * parts.length,
  );
  return oneStage({
    code: {
      key: `gemm ${shape.mr}×${shape.nr}${shape.fused ? " fused" : ""} ${fetchKey(a)} ${fetchKey(b)} ${key}`,
      assemble(shared) {
        const m = new WasmModule({ shared });
        const walk = printWalk(m);
        printDriver(m, { shape, walk, epilogue: print(m, walk), a, b });
        return m.bytes();
      },
    },
    tasks: parts.reduce((sum, { plan }) => sum + plan.tasks, 0),
    ...writeParams(parts, epilogue.bases, shape, epilogue.uniforms),
  });
}
