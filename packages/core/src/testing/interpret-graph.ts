/** The judge of graphs: every operator of a graph by itself, naively and in f64. What devices compute, fused or not, must
 *  be near this. Knows nodes only: no scheduler, no kernels. */

import { type Expr, expr, mapLeaves } from "../expr.js";
import type { ConvShape, ReduceOp } from "../kernel.js";
import { contiguousStrides, type Movement, type Node, numelOf } from "../node.js";
import { compile } from "./interpret-expr.js";
import { eachPoint } from "./interpret-kernel.js";

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((n, x, i) => n + x * b[i], 0);

/** Values of a node in row-major order; leaves must be on the host. */
export function interpretGraph(root: Node): Float64Array {
  const known = new Map<Node, Float64Array>();
  const visit = (node: Node): Float64Array => {
    let v = known.get(node);
    if (!v) {
      v = value(node, node.op.kind === "leaf" || node.inputs.length === 0 ? [] : node.inputs.map(visit));
      known.set(node, v);
    }
    return v;
  };
  return visit(root);
}

function value(node: Node, inputs: Float64Array[]): Float64Array {
  const { op, shape } = node;
  const out = new Float64Array(numelOf(shape));
  const strides = contiguousStrides(shape);
  const each = (of: (point: readonly number[]) => number): Float64Array => {
    eachPoint(shape, (p) => {
      out[dot(p, strides)] = of(p);
    });
    return out;
  };
  switch (op.kind) {
    case "leaf": {
      const host = node.storage?.host;
      if (!host) throw new Error("the graph interpreter reads leaves that are on the host");
      return Float64Array.from(host as ArrayLike<number>, Number);
    }
    case "const":
      return out.fill(op.value);
    case "uniform": {
      const bits = new Uint32Array([node.scalar]);
      return out.fill(node.dtype === "float32" ? new Float32Array(bits.buffer)[0] : new Int32Array(bits.buffer)[0]);
    }
    case "iota":
      return out.map((_, i) => i);
    case "map":
      return mapped(op.expr, inputs, out);
    case "move": {
      const x = node.inputs[0];
      const from = contiguousStrides(x.shape);
      if (op.move.type === "reshape") return inputs[0];
      return each((p) => {
        const q = source(op.move, p, x.shape, shape);
        const outside = q.some((v, i) => v < 0 || v >= x.shape[i]);
        return outside && op.move.type === "pad" ? op.move.value : inputs[0][dot(q, from)];
      });
    }
    case "reduce":
      return reduced(op.op, op.axes, node.inputs[0].shape, inputs[0], out);
    case "gather": {
      const x = node.inputs[0];
      const from = contiguousStrides(x.shape);
      return each((p) => {
        const q = [...p];
        q[op.dim] = Math.min(x.shape[op.dim] - 1, Math.max(0, inputs[1][dot(p, strides)]));
        return inputs[0][dot(q, from)];
      });
    }
    case "cat": {
      let start = 0;
      node.inputs.forEach((x, i) => {
        const from = contiguousStrides(x.shape);
        eachPoint(x.shape, (p) => {
          const q = [...p];
          q[op.dim] += start;
          out[dot(q, strides)] = inputs[i][dot(p, from)];
        });
        start += x.shape[op.dim];
      });
      return out;
    }
    case "matmul": {
      const [a, b] = node.inputs.map((x) => contiguousStrides(x.shape));
      const k = node.inputs[0].shape[shape.length - 1];
      return each((p) => {
        let sum = 0;
        for (let i = 0; i < k; i++)
          sum += inputs[0][dot([...p.slice(0, -1), i], a)] * inputs[1][dot([...p.slice(0, -2), i, p[p.length - 1]], b)];
        return sum;
      });
    }
    case "scan": {
      const n = shape[shape.length - 1];
      let sum = 0;
      return out.map((_, i) => {
        sum = (i % n === 0 ? 0 : sum) + inputs[0][i];
        return sum;
      });
    }
    case "sort": {
      const n = node.inputs[0].shape[shape.length - 1];
      for (let row = 0; row * op.take < out.length; row++) {
        const rank = (i: number): number => {
          const v = inputs[0][row * n + i];
          return Number.isNaN(v) ? Infinity : v;
        };
        const order = Array.from({ length: n }, (_, i) => i).sort(
          (i, j) => (op.descending ? rank(j) - rank(i) : rank(i) - rank(j)) || i - j,
        );
        out.set(order.slice(0, op.take), row * op.take);
      }
      return out;
    }
    default:
      convolve(op.kind, op.shape, inputs[0], inputs[1], out);
      return out;
  }
}

function source(move: Movement, p: readonly number[], from: readonly number[], to: readonly number[]): number[] {
  switch (move.type) {
    case "permute": {
      const q = new Array<number>(p.length);
      move.dims.forEach((d, j) => {
        q[d] = p[j];
      });
      return q;
    }
    case "expand":
      return p.map((v, j) => (from[j] === to[j] ? v : 0));
    case "slice":
      return p.map((v, j) => move.start[j] + move.step[j] * v);
    case "pad":
      return p.map((v, j) => v - move.before[j]);
    case "unfold":
      return p.slice(0, -1).map((v, j) => (j === move.dim ? v * move.step + p[p.length - 1] * move.dilation : v));
    case "reshape":
      throw new Error("a reshape keeps the order of elements");
  }
}

/** Evaluates an expression of arguments for every element. */
function mapped(e: Expr, inputs: readonly Float64Array[], out: Float64Array): Float64Array {
  const loads = mapLeaves(e, (l) => (l.op === "arg" ? expr("load", l.type, [], l.value) : l));
  const access = (buffer: number, type: string) =>
    ({
      buffer,
      dtype: type === "f32" ? "float32" : type === "bool" ? "bool" : "int32",
      offset: 0,
      strides: [1],
      bounds: [],
      indirect: [],
    }) as const;
  const types = inputs.map(() => "f32");
  mapLeaves(e, (l) => {
    if (l.op === "arg") types[l.value] = l.type;
    return l;
  });
  const run = compile(loads, {
    buffers: inputs,
    uniforms: [],
    sources: inputs.map((_, i) => access(i, types[i])),
    acc: [],
  });
  for (let i = 0; i < out.length; i++) out[i] = run([i]);
  return out;
}

function reduced(
  op: ReduceOp,
  axes: readonly number[],
  shape: readonly number[],
  x: Float64Array,
  out: Float64Array,
): Float64Array {
  out.fill({ sum: 0, prod: 1, max: -Infinity, min: Infinity }[op]);
  const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const strides = contiguousStrides(kept.map((i) => shape[i]));
  const from = contiguousStrides(shape);
  eachPoint(shape, (p) => {
    const at = dot(
      kept.map((i) => p[i]),
      strides,
    );
    const v = x[dot(p, from)];
    out[at] =
      op === "sum"
        ? out[at] + v
        : op === "prod"
          ? out[at] * v
          : op === "max"
            ? Math.max(out[at], v)
            : Math.min(out[at], v);
  });
  return out;
}

/** One loop nest serves the convolution and its gradients: every product of the definition, added where it belongs. */
function convolve(
  kind: "conv2d" | "conv2dInputGrad" | "conv2dWeightGrad",
  s: ConvShape,
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
): void {
  const [C, O] = [s.groups * s.ic, s.groups * s.oc];
  eachPoint([s.n, s.groups, s.oc, s.oh, s.ow, s.ic, s.kh, s.kw], ([n, g, o, y, x, c, i, j]) => {
    const iy = y * s.stride[0] + i * s.dilation[0] - s.padding[0];
    const ix = x * s.stride[1] + j * s.dilation[1] - s.padding[1];
    if (iy < 0 || iy >= s.ih || ix < 0 || ix >= s.iw) return;
    const input = ((n * C + g * s.ic + c) * s.ih + iy) * s.iw + ix;
    const weight = (((g * s.oc + o) * s.ic + c) * s.kh + i) * s.kw + j;
    const output = ((n * O + g * s.oc + o) * s.oh + y) * s.ow + x;
    if (kind === "conv2d") out[output] += a[input] * b[weight];
    else if (kind === "conv2dInputGrad") out[input] += a[output] * b[weight];
    else out[weight] += a[input] * b[output];
  });
}
