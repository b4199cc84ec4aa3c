/** The judge of kernels: every kind by naive loops over plain arrays, in f64. Tests compare devices with it. */

import type { TypedArray } from "../dtype.js";
import { type Scalar, scalarOf } from "../expr.js";
import type {
  Access,
  ConvKernel,
  Epilogue,
  Kernel,
  LoopKernel,
  MatmulKernel,
  ReduceOp,
  ScanKernel,
  SortKernel,
} from "../kernel.js";
import { numelOf } from "../node.js";
import { sweepsOf } from "../sweep.js";
import { compile, read, wrap, write } from "./interpret-expr.js";

/**
 * Runs a kernel. `buffers` are what `Access.buffer` numbers, one array entry an element (float16 as its bits in a
 * `Uint16Array`, bool as bytes); `uniforms` are the plan's 32-bit words. Reads and writes out of range throw.
 */
export function interpretKernel(
  kernel: Kernel,
  buffers: readonly TypedArray[],
  uniforms: ArrayLike<number> = [],
): void {
  if (kernel.kind === "loop") loop(kernel, buffers, uniforms);
  else if (kernel.kind === "matmul") matmul(kernel, buffers, uniforms);
  else if (kernel.kind === "scan") scan(kernel, buffers);
  else if (kernel.kind === "sort") sort(kernel, buffers);
  else convolution(kernel, buffers, uniforms);
}

/** Calls `visit` with every point of the box, the last dimension fastest. */
export function eachPoint(shape: readonly number[], visit: (point: readonly number[]) => void): void {
  const total = numelOf(shape);
  const point = shape.map(() => 0);
  for (let i = 0; i < total; i++) {
    visit(point);
    for (let d = shape.length - 1; d >= 0 && ++point[d] === shape[d]; d--) point[d] = 0;
  }
}

/** What combining starts from. */
export function identity(op: ReduceOp, type: Scalar): number {
  if (op === "sum") return 0;
  if (op === "prod") return 1;
  const ends = { f32: [-Infinity, Infinity], i32: [-(2 ** 31), 2 ** 31 - 1], u32: [0, 2 ** 32 - 1], bool: [0, 1] };
  return ends[type][op === "max" ? 0 : 1];
}

const combine = (op: ReduceOp, type: Scalar, x: number, y: number): number => {
  if (op === "max" || op === "min") return Math[op](x, y);
  if (op === "sum") return wrap(type, x + y);
  return wrap(type, type === "f32" ? x * y : Math.imul(x, y));
};

function loop(kernel: LoopKernel, buffers: readonly TypedArray[], uniforms: ArrayLike<number>): void {
  const env = { buffers, uniforms, sources: kernel.sources, acc: [] as number[] };
  const values = kernel.stages.map((stage) => compile(stage.value, env));
  const sweeps = sweepsOf(kernel.stages);
  eachPoint(kernel.rows, (row) => {
    for (const sweep of sweeps) {
      if (sweep.kind === "reduce") {
        const { op, type } = sweep.stage;
        let total = identity(op, type);
        eachPoint(kernel.inner, (inner) => {
          total = combine(op, type, total, values[sweep.index]([...row, ...inner]));
        });
        env.acc[sweep.index] = total;
      } else {
        const inner = sweep.per === "row" ? [] : kernel.inner;
        eachPoint(inner, (at) => {
          const point = [...row, ...at];
          const results = sweep.stores.map(({ index }) => values[index](point));
          sweep.stores.forEach(({ stage }, i) => {
            write(buffers, stage.target, point, results[i]);
          });
        });
      }
    }
  });
}

/** Computes a template's result at every output point and passes it through the epilogue. */
function template(
  shape: readonly number[],
  epilogue: Epilogue,
  buffers: readonly TypedArray[],
  uniforms: ArrayLike<number>,
  result: (point: readonly number[]) => number,
): void {
  const env = { buffers, uniforms, sources: epilogue.sources, acc: [0] };
  const value = compile(epilogue.value, env);
  eachPoint(shape, (point) => {
    env.acc[0] = result(point);
    write(buffers, epilogue.target, point, value(point));
  });
}

/** Σ a·b in f64, or modulo 2³² for integers. */
const accumulator = (a: Access): ((total: number, x: number, y: number) => number) =>
  scalarOf(a.dtype) === "f32" ? (total, x, y) => total + x * y : (total, x, y) => (total + Math.imul(x, y)) | 0;

function matmul(kernel: MatmulKernel, buffers: readonly TypedArray[], uniforms: ArrayLike<number>): void {
  const { batch, m, n, k, a, b } = kernel;
  const multiplyAdd = accumulator(a);
  template([...batch, m, n], kernel.epilogue, buffers, uniforms, (point) => {
    const at = point.slice(0, batch.length);
    const [row, column] = point.slice(batch.length);
    let total = 0;
    for (let i = 0; i < k; i++) {
      total = multiplyAdd(total, read(buffers, a, [...at, row, i]), read(buffers, b, [...at, i, column]));
    }
    return total;
  });
}

/** The position o with o·stride + tap·dilation − padding = i, if there is one in [0, count). */
function outputOf(
  i: number,
  tap: number,
  axis: { stride: number; padding: number; dilation: number },
  count: number,
): number | undefined {
  const at = (i + axis.padding - tap * axis.dilation) / axis.stride;
  return Number.isInteger(at) && at >= 0 && at < count ? at : undefined;
}

function convolution(kernel: ConvKernel, buffers: readonly TypedArray[], uniforms: ArrayLike<number>): void {
  const { shape: s, a, b } = kernel;
  const axis = (i: 0 | 1) => ({ stride: s.stride[i], padding: s.padding[i], dilation: s.dilation[i] });
  const [vertical, horizontal] = [axis(0), axis(1)];
  const multiplyAdd = accumulator(a);
  const x = { shape: [s.n, s.groups * s.ic, s.ih, s.iw] };
  const y = { shape: [s.n, s.groups * s.oc, s.oh, s.ow] };
  const w = { shape: [s.groups * s.oc, s.ic, s.kh, s.kw] };
  const inputAt = (o: number, tap: number, of: ReturnType<typeof axis>): number =>
    o * of.stride + tap * of.dilation - of.padding;
  const inImage = (iy: number, ix: number): boolean => iy >= 0 && iy < s.ih && ix >= 0 && ix < s.iw;

  if (kernel.kind === "conv2d") {
    template(y.shape, kernel.epilogue, buffers, uniforms, ([n, o, oy, ox]) => {
      const group = Math.floor(o / s.oc);
      let total = 0;
      eachPoint([s.ic, s.kh, s.kw], ([c, ky, kx]) => {
        const iy = inputAt(oy, ky, vertical);
        const ix = inputAt(ox, kx, horizontal);
        if (!inImage(iy, ix)) return;
        total = multiplyAdd(total, read(buffers, a, [n, group * s.ic + c, iy, ix]), read(buffers, b, [o, c, ky, kx]));
      });
      return total;
    });
  } else if (kernel.kind === "conv2dInputGrad") {
    template(x.shape, kernel.epilogue, buffers, uniforms, ([n, channel, iy, ix]) => {
      const group = Math.floor(channel / s.ic);
      let total = 0;
      eachPoint([s.oc, s.kh, s.kw], ([oc, ky, kx]) => {
        const oy = outputOf(iy, ky, vertical, s.oh);
        const ox = outputOf(ix, kx, horizontal, s.ow);
        if (oy === undefined || ox === undefined) return;
        const o = group * s.oc + oc;
        total = multiplyAdd(total, read(buffers, a, [n, o, oy, ox]), read(buffers, b, [o, channel % s.ic, ky, kx]));
      });
      return total;
    });
  } else {
    template(w.shape, kernel.epilogue, buffers, uniforms, ([o, c, ky, kx]) => {
      const group = Math.floor(o / s.oc);
      let total = 0;
      eachPoint([s.n, s.oh, s.ow], ([n, oy, ox]) => {
        const iy = inputAt(oy, ky, vertical);
        const ix = inputAt(ox, kx, horizontal);
        if (!inImage(iy, ix)) return;
        total = multiplyAdd(total, read(buffers, a, [n, group * s.ic + c, iy, ix]), read(buffers, b, [n, o, oy, ox]));
      });
      return total;
    });
  }
}

function scan(kernel: ScanKernel, buffers: readonly TypedArray[]): void {
  const type = scalarOf(kernel.source.dtype);
  eachPoint(kernel.rows, (row) => {
    let total = 0;
    for (let i = 0; i < kernel.length; i++) {
      total = combine("sum", type === "bool" ? "i32" : type, total, read(buffers, kernel.source, [...row, i]));
      write(buffers, kernel.target, [...row, i], total);
    }
  });
}

/** Ascending order of numbers in which NaN is the largest. */
const compare = (x: number, y: number): number => {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  return x < y ? -1 : x > y ? 1 : 0;
};

function sort(kernel: SortKernel, buffers: readonly TypedArray[]): void {
  const direction = kernel.descending ? -1 : 1;
  eachPoint(kernel.rows, (row) => {
    const values = Array.from({ length: kernel.length }, (_, i) => read(buffers, kernel.source, [...row, i]));
    const order = values.map((_, i) => i).sort((i, j) => direction * compare(values[i], values[j]) || i - j);
    for (let i = 0; i < kernel.take; i++) {
      write(buffers, kernel.target, [...row, i], order[i]);
    }
  });
}
