/**
 * A matrix times a vector, where the matrix has its ks next to each other in memory (a linear layer on one sample): dot
 * products of its rows as they lie. Packing would move every element for a single use.
 */

import type { EpilogueFunction, EpilogueParts } from "./gemm-epilogue.js";
import { printFill, printWalk, type WalkFunction } from "./gemm-pack.js";
import { ceilDiv, roundUp } from "./gemm-plan.js";
import { RecordWriter, recordLayout } from "./gemm-record.js";
import { printRun } from "./gemm-run.js";
import { type Contraction, isIrregular, mergeWalk, type Operand } from "./gemm-spec.js";
import { CPU_BYTES, type CpuKernel } from "./kernel.js";
import { call, f32, f32x4, i32, v128, WasmModule } from "./wasm/index.js";

const THIN = recordLayout([
  /** Items are blocks of `nt` of the matrix's rows. */
  ...(["tasks", "items", "perTask", "blocks", "nt", "n", "k"] as const),
  /** The vector and the matrix: address, and lists of batch, lane and k. */
  ...(["vector", "vectorBatch", "vectorK", "matrix", "matrixBatch", "matrixLane"] as const),
  /** Scratch: the vector, offsets of its elements and of rows, the result. */
  ...(["x", "ks", "lanes", "c"] as const),
  "epilogue",
]);

const F32 = CPU_BYTES.float32;
/** Rows of a block, and multiply-adds of a task, at most. */
const ROWS = 256;
const TASK_WORK = 1 << 17;
const SHORT = 16;

const swap = (c: Contraction): Contraction => ({
  ...c,
  m: c.n,
  n: c.m,
  a: c.b,
  b: c.a,
  affine: c.affine.map((value) => ({ ...value, m: value.n, n: value.m })),
});

const isRows = (o: Operand): boolean => {
  const ks = mergeWalk(o.k);
  return ks.length === 1 && ks[0].stride === 1;
};

/** The contraction with the vector as A and the matrix as B, if that is what it is. The walks along m of its affine
 *  values must be as alike as those along n. */
export function asThin(c: Contraction): Contraction | undefined {
  if (c.slab || c.k < SHORT || isIrregular(c.a) || isIrregular(c.b)) return undefined;
  if (c.m === 1 && isRows(c.b)) return c;
  return c.n === 1 && isRows(c.a) ? swap(c) : undefined;
}

export function thinKernel({ batch, n, k, a, b, affine }: Contraction, epilogue: EpilogueParts): CpuKernel {
  const nt = Math.min(ROWS, roundUp(Math.max(1, Math.min(n, Math.floor(TASK_WORK / k))), 4));
  const blocks = ceilDiv(n, nt);
  const items = batch * blocks;
  const perTask = Math.max(1, Math.floor(TASK_WORK / (Math.min(n, nt) * k)));
  const writer = new RecordWriter(THIN, 1, epilogue.uniforms);
  const numbers = { tasks: ceilDiv(items, perTask), items, perTask, blocks, nt, n, k };
  for (const [name, value] of Object.entries(numbers)) writer.put(0, name as keyof typeof numbers, value);
  writer.address(0, "vector", a.access.buffer, F32 * (a.access.offset + a.offset));
  writer.put(0, "vectorBatch", writer.list(mergeWalk(a.batch), F32));
  writer.put(0, "vectorK", writer.list(mergeWalk(a.k), F32));
  writer.address(0, "matrix", b.access.buffer, F32 * (b.access.offset + b.offset));
  writer.put(0, "matrixBatch", writer.list(mergeWalk(b.batch), F32));
  writer.put(0, "matrixLane", writer.list(mergeWalk(b.lane), F32));
  let scratch = 0;
  for (const [name, elements] of [
    ["x", k],
    ["ks", k + 4],
    ["lanes", nt + 8],
    ["c", nt],
  ] as const) {
    writer.put(0, name, scratch);
    scratch += roundUp(F32 * elements, 64);
  }
  writer.put(0, "epilogue", writer.block(affine, epilogue.bases));
  const { key, print } = epilogue.printer([affine], THIN.bytes);
  return {
    code: {
      key: `thin ${key}`,
      assemble(shared) {
        const m = new WasmModule({ shared });
        const walk = printWalk(m);
        printThin(m, walk, print(m, walk));
        return m.bytes();
      },
    },
    tasks: numbers.tasks,
    scratch,
    ...writer.finish(),
  };
}

function printThin(m: WasmModule, walk: WalkFunction, epilogue: EpilogueFunction): void {
  const fill = printFill(m, walk);
  const field = THIN.read;

  /** dots(c, x, k, matrix, lanes): four dot products of length k with the rows at the first four lanes. */
  const dots = m.helper(["i32", "i32", "i32", "i32", "i32"], "void", (f, c, x, k, matrix, lanes) => {
    const rows = [0, 1, 2, 3].map((l) => f.let(i32.add(matrix, i32.load(lanes, 4 * l))));
    const sums = rows.map(() => f.local("v128"));
    const part = f.local("v128");
    const [at, whole] = [f.local("i32"), f.let(i32.shl(i32.and(k, -4), 2))];
    f.forFrom(at, whole, 16, () => {
      f.set(part, v128.load(i32.add(x, at)));
      rows.forEach((row, l) => {
        f.set(sums[l], f32x4.add(sums[l], f32x4.mul(part, v128.load(i32.add(row, at)))));
      });
    });
    f.forFrom(at, i32.shl(k, 2), 4, () => {
      f.set(part, v128.load32Zero(i32.add(x, at)));
      rows.forEach((row, l) => {
        f.set(sums[l], f32x4.add(sums[l], f32x4.mul(part, v128.load32Zero(i32.add(row, at)))));
      });
    });
    sums.forEach((sum, l) => {
      const [low, high] = [0, 2].map((i) => f32.add(f32x4.extract(sum, i), f32x4.extract(sum, i + 1)));
      f.store("f32", c, f32.add(low, high), 4 * l);
    });
  });

  const item = m.helper(["i32", "i32", "i32", "i32"], "void", (f, params, record, index, scratch) => {
    const at = (name: "x" | "ks" | "lanes" | "c") => i32.add(scratch, field(record, name));
    const list = (name: "vectorBatch" | "vectorK" | "matrixBatch" | "matrixLane") =>
      i32.add(params, field(record, name));
    const batch = f.let(i32.divU(index, field(record, "blocks")));
    const n0 = f.let(i32.mul(i32.remU(index, field(record, "blocks")), field(record, "nt")));
    const count = f.let(i32.sub(field(record, "n"), n0));
    f.if(i32.gtU(count, field(record, "nt")), () => f.set(count, field(record, "nt")));
    const k = f.let(field(record, "k"));

    const vector = f.let(i32.add(field(record, "vector"), call(walk, list("vectorBatch"), batch)));
    f.call(fill, at("ks"), list("vectorK"), 0, k, 1);
    const [x, from] = [f.let(at("x")), f.let(at("ks"))];
    f.for(0, k, 1, () => {
      f.store("f32", x, f32.load(i32.add(vector, i32.load(from))));
      f.increment(x, 4);
      f.increment(from, 4);
    });

    const matrix = f.let(i32.add(field(record, "matrix"), call(walk, list("matrixBatch"), batch)));
    f.call(fill, at("lanes"), list("matrixLane"), n0, count, 4);
    const [lanes, to] = [f.let(at("lanes")), f.let(at("c"))];
    f.for(0, count, 4, () => {
      f.call(dots, to, at("x"), k, matrix, lanes);
      f.increment(lanes, 16);
      f.increment(to, 16);
    });
    f.call(epilogue, params, f.let(i32.add(params, field(record, "epilogue"))), batch, 0, 1, n0, count, at("c"), 0);
  });
  printRun(m, THIN, item);
}
