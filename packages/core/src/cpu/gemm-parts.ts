/**
 * Contractions of a small result and a long k, such as gradients of a few weights over all pixels: cut along k, since
 * blocks of the result for many threads would each pack much for few products. Parts leave their sums in the workspace,
 * and a second stage adds them up in order and finishes them. The cut depends on the shape alone.
 */

import { expr } from "../expr.js";
import { type EpilogueFunction, type EpilogueParts, takeApart } from "./gemm-epilogue.js";
import { contractionKernel } from "./gemm-kernel.js";
import { printWalk } from "./gemm-pack.js";
import { ceilDiv, roundUp } from "./gemm-plan.js";
import { RecordWriter, recordLayout } from "./gemm-record.js";
import { printRun } from "./gemm-run.js";
import type { Contraction } from "./gemm-spec.js";
import type { TileShape } from "./gemm-tile.js";
import { CPU_BYTES, type CpuKernel, type CpuStage, moduleCode } from "./kernel.js";
import { f32x4, i32, v128, type WasmModule } from "./wasm/index.js";

/** Rows of the result are items; bytes of a part's sums and of a row of them. */
const PARTS = recordLayout(["tasks", "items", "perTask", "parts", "partBytes", "m", "n", "sums", "epilogue"]);
const field = PARTS.read;
const F32 = CPU_BYTES.float32;
/** Sums that a task adds. */
const TASK_WORK = 1 << 15;

/** Parts of a contraction, and elements between them in its operands. */
export interface Cut {
  readonly parts: number;
  readonly a: number;
  readonly b: number;
}

/** The kernel of a contraction of which `part` is the first part. */
export function partedKernel(
  part: Contraction,
  { parts, a, b }: Cut,
  epilogue: EpilogueParts,
  tiles: readonly TileShape[],
): CpuKernel {
  const { batch, m, n } = part;
  const outer = (stride: number) => ({ size: parts, stride });
  const target = { buffer: 0, dtype: "float32", offset: 0, strides: [], bounds: [], indirect: [] } as const;
  const plain = takeApart({ sources: [], value: expr("acc", "f32"), target }, 0);
  const sums = contractionKernel(
    [
      {
        ...part,
        batch: parts * batch,
        a: { ...part.a, batch: [outer(a), ...part.a.batch] },
        b: { ...part.b, batch: [outer(b), ...part.b.batch] },
        affine: [
          {
            offset: 0,
            batch: [outer(batch * m * n), { size: batch, stride: m * n }],
            m: [{ size: m, stride: n }],
            n: [{ size: n, stride: 1 }],
          },
        ],
      },
    ],
    { ...plain, bases: [{ buffer: "workspace", bytes: F32 }] },
    tiles,
  );
  return {
    stages: [...sums.stages, addStage(part, parts, epilogue)],
    // Rows are added in whole vectors.
    workspace: F32 * (parts * batch * m * n + 4),
  };
}

function addStage({ batch, m, n, affine }: Contraction, parts: number, epilogue: EpilogueParts): CpuStage {
  const writer = new RecordWriter(PARTS, 1, epilogue.uniforms);
  const items = batch * m;
  const perTask = Math.max(1, Math.floor(TASK_WORK / (parts * n)));
  const tasks = ceilDiv(items, perTask);
  const numbers = { tasks, items, perTask, parts, partBytes: F32 * items * n, m, n };
  for (const [name, value] of Object.entries(numbers)) writer.put(0, name as keyof typeof numbers, value);
  writer.address(0, "sums", "workspace", 0);
  writer.put(0, "epilogue", writer.block(affine, epilogue.bases));
  const { key, print } = epilogue.printer([affine], PARTS.bytes);
  return {
    code: moduleCode(`parts ${key}`, (m) => printAdd(m, print(m, printWalk(m)))),
    tasks,
    scratch: F32 * roundUp(n, 16),
    ...writer.finish(),
  };
}

/** Adds up and finishes one row. */
function printAdd(module: WasmModule, epilogue: EpilogueFunction): void {
  const item = module.helper(["i32", "i32", "i32", "i32"], "void", (f, params, record, index, scratch) => {
    const [m, n, part] = [f.let(field(record, "m")), f.let(field(record, "n")), f.let(field(record, "partBytes"))];
    const row = f.let(i32.add(field(record, "sums"), i32.shl(i32.mul(index, n), 2)));
    const [from, sum] = [f.local("i32"), f.local("v128")];
    f.for(0, i32.shl(n, 2), 16, (at) => {
      f.set(from, i32.add(row, at));
      f.set(sum, v128.load(from));
      f.for(1, field(record, "parts"), 1, () => {
        f.increment(from, part);
        f.set(sum, f32x4.add(sum, v128.load(from)));
      });
      f.store("v128", i32.add(scratch, at), sum);
    });
    const affine = f.let(i32.add(params, field(record, "epilogue")));
    f.call(epilogue, params, affine, i32.divU(index, m), i32.remU(index, m), 1, 0, n, scratch, 0);
  });
  printRun(module, PARTS, item);
}
