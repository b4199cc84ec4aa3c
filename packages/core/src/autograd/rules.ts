/** The gradient of every operator, as operators: given the gradient g of a node, the gradients of its inputs. */

import { isFloat } from "../dtype.js";
import type { Expr } from "../expr.js";
import { expr, scalarOf } from "../expr.js";
import type { Node, Op, Vjp } from "../node.js";
import { convNode, matmul, transposeLast } from "../ops/contract.js";
import { zerosLike } from "../ops/create.js";
import { derivative } from "../ops/derive.js";
import { cumsum, scatterAdd } from "../ops/index.js";
import { convert, elementwise, map, mapUsed } from "../ops/map.js";
import { dilate, flip, pad, permute, reshape, slice } from "../ops/movement.js";
import { reduce, spread } from "../ops/reduce.js";
import * as S from "../ops/scalar.js";
import { overlapAdd } from "../ops/windows.js";

type Of<K extends Op["kind"]> = Extract<Op, { kind: K }>;

/** The gradient of `node`'s inputs. */
export const inputGradients: Vjp = (g, node) => {
  if (node.vjp) return node.vjp(g, node);
  const op = node.op;
  switch (op.kind) {
    case "map":
      return mapRule(g, node, op);
    case "move":
      return [moveRule(g, node, op)];
    case "reduce":
      return [reduceRule(g, node, op)];
    case "gather":
      return [scatterAdd(zerosLike(node.inputs[0]), op.dim, node.inputs[1], g), null];
    case "cat":
      return catRule(g, node, op.dim);
    case "matmul": {
      const [a, b] = node.inputs;
      return [a.requiresGrad ? matmul(g, transposeLast(b)) : null, b.requiresGrad ? rightGradient(a, b, g) : null];
    }
    case "conv2d": {
      const [x, w] = node.inputs;
      return [
        x.requiresGrad ? convNode("conv2dInputGrad", g, w, op.shape) : null,
        w.requiresGrad ? convNode("conv2dWeightGrad", x, g, op.shape) : null,
      ];
    }
    case "conv2dInputGrad": {
      const [y, w] = node.inputs;
      return [
        y.requiresGrad ? convNode("conv2d", g, w, op.shape) : null,
        w.requiresGrad ? convNode("conv2dWeightGrad", g, y, op.shape) : null,
      ];
    }
    case "conv2dWeightGrad": {
      const [x, y] = node.inputs;
      return [
        x.requiresGrad ? convNode("conv2dInputGrad", y, g, op.shape) : null,
        y.requiresGrad ? convNode("conv2d", x, g, op.shape) : null,
      ];
    }
    case "scan": {
      const last = [node.shape.length - 1];
      return [flip(cumsum(flip(g, last), -1), last)];
    }
    default:
      return node.inputs.map(() => null);
  }
};

/** aᵀ·g; for a transposed b as (gᵀ·a)ᵀ, so that the gradient of what was transposed comes in its own order. */
function rightGradient(a: Node, b: Node, g: Node): Node {
  const transposed = b.op.kind === "move" && b.op.move.type === "permute";
  return transposed ? transposeLast(matmul(transposeLast(g), a)) : matmul(transposeLast(a), g);
}

/** Elementwise: g times the partial derivative, one fused map an input. */
function mapRule(g: Node, node: Node, op: Of<"map">): (Node | null)[] {
  const n = node.inputs.length;
  const y = S.arg(n, op.expr.type);
  const upstream = S.arg(n + 1, "f32");
  return node.inputs.map((x, i) => {
    if (!x.requiresGrad) return null;
    const slope = op.partials ? op.partials[i] : derivativeWithOutput(op.expr, S.arg(i, scalarOf(x.computeDType)), y);
    if (!slope) return zerosLike(x);
    if (slope.op === "const" && slope.value === 1 && x.dtype === g.dtype) return g;
    return mapUsed(`${op.name}Grad`, S.mul(upstream, S.cast(slope, "f32")), [...node.inputs, node, g], x.computeDType);
  });
}

/** The derivative, with the operator's own value replaced by its output where it occurs. */
function derivativeWithOutput(value: Expr, variable: Expr, y: Expr): Expr | null {
  const d = derivative(value, variable);
  if (!d || value.args.length === 0) return d;
  const done = new Map<Expr, Expr>([[value, y]]);
  const visit = (e: Expr): Expr => {
    let r = done.get(e);
    if (!r) {
      r = e.args.length === 0 ? e : expr(e.op, e.type, e.args.map(visit), e.value);
      done.set(e, r);
    }
    return r;
  };
  return visit(d);
}

function moveRule(g: Node, node: Node, op: Of<"move">): Node {
  const [x] = node.inputs;
  const { move } = op;
  switch (move.type) {
    case "reshape":
      return reshape(g, x.shape);
    case "permute":
      return permute(
        g,
        move.dims.map((_, i) => move.dims.indexOf(i)),
      );
    case "expand": {
      const axes = node.shape.flatMap((d, i) => (x.shape[i] === 1 && d !== 1 ? [i] : []));
      return reshape(reduce(g, "sum", axes), x.shape);
    }
    case "pad":
      return slice(
        g,
        move.before,
        x.shape,
        x.shape.map(() => 1),
      );
    case "unfold":
      return overlapAdd(g, [{ dim: move.dim, length: x.shape[move.dim], step: move.step, dilation: move.dilation }]);
    case "slice": {
      if (g.numel === 0) return zerosLike(x);
      const flipped = move.step.flatMap((s, i) => (s < 0 ? [i] : []));
      let y = flipped.length ? flip(g, flipped) : g;
      const low = move.start.map((s, i) => (move.step[i] < 0 ? s + move.step[i] * (g.shape[i] - 1) : s));
      move.step.forEach((s, i) => {
        if (Math.abs(s) > 1) y = dilate(y, i, Math.abs(s));
      });
      return pad(
        y,
        low,
        x.shape.map((d, i) => d - low[i] - y.shape[i]),
        0,
      );
    }
  }
}

function reduceRule(g: Node, node: Node, op: Of<"reduce">): Node {
  const [x] = node.inputs;
  const back = (n: Node): Node => spread(n, op.axes, x.shape);
  if (op.op === "sum") return back(g);
  if (op.op === "prod") {
    // With one zero among the factors only its own derivative is not zero; with two, none is.
    const a = S.arg(0, "f32");
    const nonzero = map("nonzero", S.where(S.eq(a, S.c(0)), S.c(1), a), [x], x.computeDType);
    const zeros = reduce(map("zero", S.where(S.eq(a, S.c(0)), S.c(1), S.c(0)), [x], x.computeDType), "sum", op.axes);
    const rest = back(reduce(nonzero, "prod", op.axes));
    const [v, r, z] = [S.arg(0, "f32"), S.arg(1, "f32"), S.arg(2, "f32")];
    const slope = S.where(
      S.eq(v, S.c(0)),
      S.where(S.eq(z, S.c(1)), r, S.c(0)),
      S.where(S.eq(z, S.c(0)), S.div(r, v), S.c(0)),
    );
    return elementwise("mul", back(g), map("prodGrad", slope, [x, rest, back(zeros)], x.computeDType));
  }
  // Elements equal to the extreme share its gradient, as torch.amax.
  const hit = convert(elementwise("eq", x, back(node)), "float32");
  const shared = elementwise("div", g, reduce(hit, "sum", op.axes));
  return convert(elementwise("mul", hit, back(shared)), x.computeDType);
}

function catRule(g: Node, node: Node, dim: number): (Node | null)[] {
  let at = 0;
  return node.inputs.map((x) => {
    const start = x.shape.map((_, i) => (i === dim ? at : 0));
    at += x.shape[dim];
    return x.requiresGrad && isFloat(x.dtype)
      ? slice(
          g,
          start,
          x.shape,
          x.shape.map(() => 1),
        )
      : null;
  });
}
