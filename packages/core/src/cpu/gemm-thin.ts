/**
 * A matrix times a vector, or times a few. Packing would move every element for a single use, so the matrix is read as it
 * lies: where its ks are neighbours in memory (a linear layer on one sample) as dot products, where its lanes are (the
 * gradient of that) as a sum of scaled rows, which stay in cache for all vectors.
 */

import type { EpilogueFunction, EpilogueParts } from "./gemm-epilogue.js";
import { printFill, printWalk, type WalkFunction } from "./gemm-pack.js";
import { ceilDiv, roundUp } from "./gemm-plan.js";
import { RecordWriter, recordLayout } from "./gemm-record.js";
import { printRun } from "./gemm-run.js";
import { printZeros } from "./gemm-slab.js";
import { type Contraction, isIrregular, mergeWalk, type Operand, transpose, type Walk } from "./gemm-spec.js";
import { CPU_BYTES, type CpuKernel, moduleCode, oneStage } from "./kernel.js";
import {
  call,
  f32,
  f32x4,
  hasRelaxedSimd,
  i32,
  type Value,
  v128,
  type WasmFunction,
  type WasmModule,
} from "./wasm/index.js";

const THIN = recordLayout([
  /** Items are blocks of `nt` of the matrix's rows. */
  ...(["tasks", "items", "perTask", "blocks", "nt", "m", "n", "k"] as const),
  /** The vectors, `m` of them, and the matrix: address, and lists of batch, lane and k. */
  ...(["vector", "vectorBatch", "vectorLane", "vectorK", "matrix", "matrixBatch", "matrixLane", "matrixK"] as const),
  /** Scratch: the vectors, offsets of their elements and of rows, the result. */
  ...(["x", "ks", "lanes", "c"] as const),
  "epilogue",
]);

const F32 = CPU_BYTES.float32;
/** Lanes of a block: scaled rows should be long pieces of memory. */
const LANES = { k: { least: 1, most: 256 }, lanes: { least: 512, most: 1024 } };
/** Vectors that scaled rows serve at once, and the least lanes for which several do. */
const VECTORS = 4;
const MANY_LANES = 256;
/** Multiply-adds of a task, about. */
const TASK_WORK = 1 << 17;
const SHORT = 16;

const isDense = (walk: Walk): boolean => {
  const digits = mergeWalk(walk);
  return digits.length === 1 && digits[0].stride === 1;
};

/** What lies next to each other in the matrix. */
type Dense = "k" | "lanes";

const denseOf = ({ k, lane }: Operand): Dense | undefined => (isDense(k) ? "k" : isDense(lane) ? "lanes" : undefined);

export interface Thin {
  /** The vectors are rows of A, the matrix is B. */
  readonly contraction: Contraction;
  readonly dense: Dense;
}

/** A contraction that is a product of a matrix and few vectors, if it is one. */
export function asThin(c: Contraction): Thin | undefined {
  if (c.slab || c.k < SHORT || isIrregular(c.a) || isIrregular(c.b)) return undefined;
  const contraction = c.m <= c.n ? c : transpose(c);
  const { m, n, b } = contraction;
  const dense = denseOf(b);
  const few = m === 1 || (dense === "lanes" && m <= VECTORS && n >= MANY_LANES);
  return dense && few ? { contraction, dense } : undefined;
}

export function thinKernel({ contraction, dense }: Thin, epilogue: EpilogueParts): CpuKernel {
  const { batch, m, n, k, a, b, affine } = contraction;
  const most = Math.max(LANES[dense].least, Math.floor(TASK_WORK / (m * k)));
  const nt = Math.min(LANES[dense].most, roundUp(Math.min(Math.max(1, n), most), 4));
  const blocks = ceilDiv(n, nt);
  const items = batch * blocks;
  const perTask = Math.max(1, Math.floor(TASK_WORK / (m * Math.min(n, nt) * k)));
  const writer = new RecordWriter(THIN, 1, epilogue.uniforms);
  const numbers = { tasks: ceilDiv(items, perTask), items, perTask, blocks, nt, m, n, k };
  for (const [name, value] of Object.entries(numbers)) writer.put(0, name as keyof typeof numbers, value);
  writer.address(0, "vector", a.access.buffer, F32 * (a.access.offset + a.offset));
  writer.put(0, "vectorBatch", writer.list(mergeWalk(a.batch), F32));
  writer.put(0, "vectorLane", writer.list(mergeWalk(a.lane), F32));
  writer.put(0, "vectorK", writer.list(mergeWalk(a.k), F32));
  writer.address(0, "matrix", b.access.buffer, F32 * (b.access.offset + b.offset));
  writer.put(0, "matrixBatch", writer.list(mergeWalk(b.batch), F32));
  writer.put(0, "matrixLane", writer.list(mergeWalk(b.lane), F32));
  writer.put(0, "matrixK", writer.list(mergeWalk(b.k), F32));
  let scratch = 0;
  for (const [name, elements] of [
    ["x", m * k],
    ["ks", k + 4],
    ["lanes", nt + 8],
    ["c", m * nt],
  ] as const) {
    writer.put(0, name, scratch);
    scratch += roundUp(F32 * elements, 64);
  }
  writer.put(0, "epilogue", writer.block(affine, epilogue.bases));
  const { key, print } = epilogue.printer([affine], THIN.bytes);
  return oneStage({
    code: moduleCode(`thin ${dense} ${key}`, (m) => {
      const walk = printWalk(m);
      printThin(m, dense, walk, print(m, walk));
    }),
    tasks: numbers.tasks,
    scratch,
    ...writer.finish(),
  });
}

const multiplyAdd = (x: Value<"v128">, y: Value<"v128">, z: Value<"v128">): Value<"v128"> =>
  hasRelaxedSimd() ? f32x4.relaxedMadd(x, y, z) : f32x4.add(z, f32x4.mul(x, y));

/** dots(c, x, k, matrix, lanes): four dot products of length k with what lies at the first four lanes. */
function printDots(m: WasmModule): WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32"], "void"> {
  return m.helper(["i32", "i32", "i32", "i32", "i32"], "void", (f, c, x, k, matrix, lanes) => {
    const rows = [0, 1, 2, 3].map((l) => f.let(i32.add(matrix, i32.load(lanes, 4 * l))));
    const sums = rows.map(() => f.local("v128"));
    const part = f.local("v128");
    const [at, whole] = [f.local("i32"), f.let(i32.shl(i32.and(k, -4), 2))];
    const step = (load: typeof v128.load): void => {
      f.set(part, load(i32.add(x, at)));
      rows.forEach((row, l) => {
        f.set(sums[l], multiplyAdd(part, load(i32.add(row, at)), sums[l]));
      });
    };
    f.forFrom(at, whole, 16, () => step(v128.load));
    f.forFrom(at, i32.shl(k, 2), 4, () => step(v128.load32Zero));
    sums.forEach((sum, l) => {
      const [low, high] = [0, 2].map((i) => f32.add(f32x4.extract(sum, i), f32x4.extract(sum, i + 1)));
      f.store("f32", c, f32.add(low, high), 4 * l);
    });
  });
}

/** addScaled(c, count, x, matrix, ks): adds x[i] times what lies at ks[i], `rows` of them, to the elements of C. */
function printAddScaled(
  m: WasmModule,
  rows: number,
): WasmFunction<readonly ["i32", "i32", "i32", "i32", "i32"], "void"> {
  return m.helper(["i32", "i32", "i32", "i32", "i32"], "void", (f, c, count, x, matrix, ks) => {
    const indices = Array.from({ length: rows }, (_, i) => i);
    const from = indices.map((i) => f.let(i32.add(matrix, i32.load(ks, 4 * i))));
    const scales = indices.map((i) => f.let(v128.load32Splat(x, 4 * i)));
    const [at, whole] = [f.local("i32"), f.let(i32.shl(i32.and(count, -8), 2))];
    const sums = [f.local("v128"), f.local("v128")];
    const address = f.local("i32");
    /** The elements of `sums` that lie at `offsets`. */
    const step = (load: typeof v128.load, offsets: readonly number[]): void => {
      f.set(address, i32.add(c, at));
      offsets.forEach((offset, j) => {
        f.set(sums[j], load(address, offset));
      });
      for (const i of indices) {
        f.set(address, i32.add(from[i], at));
        offsets.forEach((offset, j) => {
          f.set(sums[j], multiplyAdd(scales[i], load(address, offset), sums[j]));
        });
      }
      f.set(address, i32.add(c, at));
    };
    f.forFrom(at, whole, 32, () => {
      step(v128.load, [0, 16]);
      f.store("v128", address, sums[0]);
      f.store("v128", address, sums[1], 16);
    });
    f.forFrom(at, i32.shl(count, 2), 4, () => {
      step(v128.load32Zero, [0]);
      f.storeLane(32, address, sums[0], 0);
    });
  });
}

/** Adds the exported `run`. */
function printThin(m: WasmModule, dense: Dense, walk: WalkFunction, epilogue: EpilogueFunction): void {
  const fill = printFill(m, walk);
  const field = THIN.read;
  const dots = printDots(m);
  const [addFour, addOne] = [printAddScaled(m, 4), printAddScaled(m, 1)];
  const zeros = printZeros(m);
  const item = m.helper(["i32", "i32", "i32", "i32"], "void", (f, params, record, index, scratch) => {
    const at = (name: "x" | "ks" | "lanes" | "c") => i32.add(scratch, field(record, name));
    const list = (name: "vectorBatch" | "vectorLane" | "vectorK" | "matrixBatch" | "matrixLane" | "matrixK") =>
      i32.add(params, field(record, name));
    const batch = f.let(i32.divU(index, field(record, "blocks")));
    const n0 = f.let(i32.mul(i32.remU(index, field(record, "blocks")), field(record, "nt")));
    const count = f.let(i32.sub(field(record, "n"), n0));
    f.if(i32.gtU(count, field(record, "nt")), () => f.set(count, field(record, "nt")));
    const k = f.let(field(record, "k"));
    const pitch = f.let(i32.shl(field(record, "nt"), 2));

    const vector = f.let(i32.add(field(record, "vector"), call(walk, list("vectorBatch"), batch)));
    f.call(fill, at("ks"), list("vectorK"), 0, k, 1);
    const [x, from, row] = [f.let(at("x")), f.local("i32"), f.local("i32")];
    f.for(0, field(record, "m"), 1, (i) => {
      f.set(row, i32.add(vector, call(walk, list("vectorLane"), i)));
      f.set(from, at("ks"));
      f.for(0, k, 1, () => {
        f.store("f32", x, f32.load(i32.add(row, i32.load(from))));
        f.increment(x, 4);
        f.increment(from, 4);
      });
    });

    const matrix = f.let(i32.add(field(record, "matrix"), call(walk, list("matrixBatch"), batch)));
    f.set(x, at("x"));
    const to = f.let(at("c"));
    if (dense === "k") {
      f.call(fill, at("lanes"), list("matrixLane"), n0, count, 4);
      const lanes = f.let(at("lanes"));
      f.for(0, count, 4, () => {
        f.call(dots, to, x, k, matrix, lanes);
        f.increment(lanes, 16);
        f.increment(to, 16);
      });
    } else {
      f.call(fill, at("ks"), list("matrixK"), 0, k, 1);
      f.increment(matrix, call(walk, list("matrixLane"), n0));
      f.call(zeros, to, i32.mul(pitch, field(record, "m")));
      const [ks, end] = [f.let(at("ks")), f.let(i32.add(at("ks"), i32.shl(k, 2)))];
      const of = f.local("i32");
      const add = (rows: number, fn: typeof addFour): void =>
        f.while(i32.leU(i32.add(ks, 4 * rows), end), () => {
          f.set(to, at("c"));
          f.set(of, x);
          f.for(0, field(record, "m"), 1, () => {
            f.call(fn, to, count, of, matrix, ks);
            f.increment(to, pitch);
            f.increment(of, i32.shl(k, 2));
          });
          f.increment(ks, 4 * rows);
          f.increment(x, 4 * rows);
        });
      add(4, addFour);
      add(1, addOne);
    }
    f.call(
      epilogue,
      params,
      f.let(i32.add(params, field(record, "epilogue"))),
      batch,
      0,
      field(record, "m"),
      n0,
      count,
      at("c"),
      pitch,
    );
  });
  printRun(m, THIN, item);
}
