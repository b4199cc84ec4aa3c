/** From contractions with one epilogue to a kernel of the cpu device. */

import { DTypeError } from "../errors.js";
import type { Access } from "../kernel.js";
import { printDriver } from "./gemm-driver.js";
import type { EpiloguePrinter } from "./gemm-epilogue.js";
import { printWalk } from "./gemm-pack.js";
import { recordBytes, writeParams } from "./gemm-params.js";
import { planBlocks } from "./gemm-plan.js";
import type { Contraction } from "./gemm-spec.js";
import { tileShape } from "./gemm-tile.js";
import type { CpuKernel } from "./kernel.js";
import { WasmModule } from "./wasm/index.js";

/** Refuses what panels cannot be packed from. */
export function checkOperand(name: string, what: string, { dtype, bounds, indirect }: Access): void {
  if (dtype !== "float32") {
    throw new DTypeError(`${name}: ${what} is ${dtype}, but the cpu device multiplies float32; convert it with .to()`);
  }
  if (bounds.length > 0 || indirect.length > 0) {
    throw new DTypeError(`${name}: ${what} is a padded or indexed view; realize it before the product`);
  }
}

/** The kernel that computes the contractions one after the other; their tasks are all independent. */
export function contractionKernel(contractions: readonly Contraction[], epilogue: EpiloguePrinter): CpuKernel {
  const shape = tileShape();
  const parts = contractions.map((contraction) => ({ contraction, plan: planBlocks(contraction, shape) }));
  const { params, addresses, scratch } = writeParams(parts, epilogue.bases, shape, 0);
  return {
    code: {
      key: `gemm ${shape.mr}×${shape.nr}${shape.fused ? " fused" : ""} ${epilogue.key}`,
      assemble(shared) {
        const m = new WasmModule({ shared });
        const walk = printWalk(m);
        printDriver(m, { walk, epilogue: epilogue.print(m, walk), shape, record: recordBytes(epilogue.bases.length) });
        return m.bytes();
      },
    },
    tasks: parts.reduce((sum, { plan }) => sum + plan.tasks, 0),
    params,
    addresses,
    uniforms: [],
    scratch,
  };
}
