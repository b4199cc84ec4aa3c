/** Functions of several tensors, as torch's functions of the same names. */

import { backpropagate } from "./autograd/backward.js";
import { seedOf } from "./autograd/run.js";
import { isFloat } from "./dtype.js";
import { engine } from "./engine.js";
import { ArgumentError, AutogradError, ShapeError } from "./errors.js";
import type { Node } from "./node.js";
import * as C from "./ops/contract.js";
import { constant, uniform } from "./ops/create.js";
import { customVjp as customNode } from "./ops/custom.js";
import { cat as catNodes } from "./ops/index.js";
import { elementwise } from "./ops/map.js";
import { overlapAdd } from "./ops/windows.js";
import { scoped } from "./scope.js";
import { type Operand, Tensor } from "./tensor.js";

/** Tensors one after the other along `dim`. */
export const cat = (tensors: readonly Tensor[], dim = 0): Tensor =>
  Tensor.made(
    catNodes(
      tensors.map((t) => t.node),
      dim,
    ),
  );

/** Tensors of one shape along a new dimension. */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  return scoped(() =>
    cat(
      tensors.map((t) => t.unsqueeze(dim)),
      dim,
    ),
  );
}

/** a where `condition` is true, b elsewhere. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const integers = [a, b].every((x) =>
    x instanceof Tensor ? !isFloat(x.dtype) : typeof x !== "number" || Number.isInteger(x),
  );
  const node = (x: Operand): Node =>
    x instanceof Tensor
      ? x.node
      : typeof x === "boolean"
        ? constant(Number(x), "bool")
        : uniform(x, integers ? "int32" : "float32");
  return Tensor.made(elementwise("where", condition.node, node(a), node(b)));
}

/** Coordinate grids of 1-d tensors, "ij" indexed. */
export function meshgrid(...tensors: Tensor[]): Tensor[] {
  const shape = tensors.map((t) => t.numel);
  return tensors.map((t, i) => t.reshape(shape.map((n, j) => (i === j ? n : 1))).expand(shape));
}

/** Convolution without bias; padding is [top, left, bottom, right]. See `ops/contract.ts`. */
export const conv2d = (x: Tensor, w: Tensor, options: C.ConvOptions = {}): Tensor =>
  Tensor.made(C.conv2d(x.node, w.node, options));

export const convTranspose2d = (x: Tensor, w: Tensor, options: C.ConvTransposeOptions = {}): Tensor =>
  Tensor.made(C.convTranspose2d(x.node, w.node, options));

/**
 * Overlap-add over the last two dimensions: `x` [..., oh, ow, kh, kw] holds windows of a [..., h, w] plane, taken `stride`
 * apart with `dilation`; windows that overlap are summed. The adjoint of unfolding dimensions -2 and -1.
 */
export function overlapAdd2d(
  x: Tensor,
  size: readonly [number, number],
  stride: readonly [number, number],
  dilation: readonly [number, number] = [1, 1],
): Tensor {
  const r = x.ndim - 4;
  if (r < 0) throw new ShapeError(`overlapAdd2d: expected [..., oh, ow, kh, kw], got shape [${x.shape}]`);
  return Tensor.made(
    overlapAdd(
      x.node,
      [0, 1].map((i) => ({ dim: r + i, length: size[i], step: stride[i], dilation: dilation[i] })),
    ),
  );
}

/** A tensor with `output`'s value whose gradients are what `vjp` builds for `inputs`; they flow nowhere else. */
export function customVjp(
  output: Tensor,
  inputs: readonly Tensor[],
  vjp: (gradient: Tensor) => readonly (Tensor | null)[],
): Tensor {
  return Tensor.made(
    customNode(
      output.node,
      inputs.map((t) => t.node),
      (g) => vjp(new Tensor(g)).map((t) => t?.node ?? null),
    ),
  );
}

/** Sums of products over named dimensions, as torch.einsum: "bid,bjd->bij". */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  return scoped(() => {
    const [left, right] = equation.replace(/\s/g, "").split("->");
    const terms = left.split(",");
    if (terms.length !== operands.length)
      throw new ArgumentError(`einsum: "${equation}" names ${terms.length} operands, got ${operands.length}`);
    const tensors = operands.map((t, i) => {
      if (terms[i].length !== t.ndim)
        throw new ShapeError(`einsum: "${terms[i]}" does not name the dimensions of shape [${t.shape}]`);
      let view = t;
      for (let at = repeated(terms[i]); at; at = repeated(terms[i])) {
        view = diagonal(view, at[0], at[1]);
        terms[i] = terms[i].slice(0, at[1]) + terms[i].slice(at[1] + 1);
      }
      return view;
    });
    const letters = [...new Set(terms.join(""))].sort();
    const output = right ?? letters.filter((l) => left.split(l).length === 2).join("");
    const sizes = new Map<string, number>();
    terms.forEach((term, i) => {
      [...term].forEach((l, d) => {
        const n = tensors[i].shape[d];
        const known = sizes.get(l) ?? n;
        if (known !== n)
          throw new ShapeError(`einsum: "${l}" is ${known} in one operand and ${n} in [${tensors[i].shape}]`);
        sizes.set(l, n);
      });
    });
    for (const l of output)
      if (!sizes.has(l)) throw new ArgumentError(`einsum: "${l}" of the output is in no operand of "${equation}"`);
    let [result] = tensors;
    let [names] = terms;
    for (let i = 1; i < tensors.length; i++) {
      const later = new Set([...output, ...terms.slice(i + 1).join("")]);
      [result, names] = contractPair(result, names, tensors[i], terms[i], later);
    }
    const summed = [...names].flatMap((l, d) => (output.includes(l) ? [] : [d]));
    if (summed.length) result = result.sum(summed);
    const kept = [...names].filter((l) => output.includes(l)).join("");
    return result.permute([...output].map((l) => kept.indexOf(l)));
  });
}

/** Two places of one name in a term. */
function repeated(term: string): [number, number] | null {
  const second = [...term].findIndex((l, i) => term.indexOf(l) < i);
  return second < 0 ? null : [term.indexOf(term[second]), second];
}

/** The elements whose positions in dimensions a < b are equal, at dimension a: in rows one longer they stand in a column. */
function diagonal(t: Tensor, a: number, b: number): Tensor {
  const n = t.shape[a];
  if (t.shape[b] !== n)
    throw new ShapeError(`einsum: dimensions ${a} and ${b} of shape [${t.shape}] have one name but not one size`);
  const rest = t.shape.map((_, d) => d).filter((d) => d !== a && d !== b);
  const sizes = rest.map((d) => t.shape[d]);
  const rows = t
    .permute([...rest, a, b])
    .reshape([...sizes, n * n])
    .pad([0, n]);
  const column = rows.reshape([...sizes, n, n + 1]).select(-1, 0);
  return column.permute([...rest.slice(0, a).map((_, d) => d), rest.length, ...rest.slice(a).map((_, d) => d + a)]);
}

/** Contracts two operands over the names that nothing later needs, as one batched matrix product. */
function contractPair(a: Tensor, an: string, b: Tensor, bn: string, later: ReadonlySet<string>): [Tensor, string] {
  const alone = (t: Tensor, names: string, other: string): [Tensor, string] => {
    const drop = [...names].flatMap((l, d) => (!later.has(l) && !other.includes(l) ? [d] : []));
    return drop.length ? [t.sum(drop), [...names].filter((_, d) => !drop.includes(d)).join("")] : [t, names];
  };
  const [x, xn] = alone(a, an, bn);
  const [y, yn] = alone(b, bn, an);
  const batch = [...xn].filter((l) => yn.includes(l) && later.has(l));
  const inner = [...xn].filter((l) => yn.includes(l) && !later.has(l));
  const rows = [...xn].filter((l) => !yn.includes(l));
  const columns = [...yn].filter((l) => !xn.includes(l));
  const size = (names: string[], t: Tensor, of: string): number =>
    names.reduce((n, l) => n * t.shape[of.indexOf(l)], 1);
  const left = x
    .permute([...batch, ...rows, ...inner].map((l) => xn.indexOf(l)))
    .reshape([size(batch, x, xn), size(rows, x, xn), size(inner, x, xn)]);
  const rightSide = y
    .permute([...batch, ...inner, ...columns].map((l) => yn.indexOf(l)))
    .reshape([size(batch, y, yn), size(inner, y, yn), size(columns, y, yn)]);
  const shape = [
    ...batch.map((l) => x.shape[xn.indexOf(l)]),
    ...rows.map((l) => x.shape[xn.indexOf(l)]),
    ...columns.map((l) => y.shape[yn.indexOf(l)]),
  ];
  return [left.matmul(rightSide).reshape(shape), [...batch, ...rows, ...columns].join("")];
}

export interface GradOptions {
  gradOutputs?: readonly Tensor[];
  retainGraph?: boolean;
  createGraph?: boolean;
  /** An input that the outputs do not depend on gives null instead of an error. */
  allowUnused?: boolean;
}

/** Gradients of Σ outputs with respect to `inputs`, without touching any `.grad`. As torch.autograd.grad. */
export function grad(outputs: Tensor | readonly Tensor[], inputs: Tensor, options?: GradOptions): Tensor;
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options?: GradOptions & { allowUnused?: false },
): Tensor[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions & { allowUnused: true },
): (Tensor | null)[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): Tensor | null | (Tensor | null)[] {
  const roots = (outputs instanceof Tensor ? [outputs] : [...outputs]).map((t) => t.node);
  const wanted = (inputs instanceof Tensor ? [inputs] : [...inputs]).map((t) => t.node);
  for (const n of wanted)
    if (!n.requiresGrad) throw new AutogradError(`grad(): an input of shape [${n.shape}] does not require a gradient`);
  const seeds = roots.map((r, i) => seedOf("grad()", r, options.gradOutputs?.[i]?.node));
  const keep = options.retainGraph ?? options.createGraph ?? false;
  if (!keep) engine.beginBackward();
  const { gradients, visited } = backpropagate(roots, seeds, {
    createGraph: options.createGraph ?? false,
    wanted: new Set(wanted),
  });
  if (!keep) engine.consume(visited);
  const results = wanted.map((n) => {
    const g = gradients.get(n);
    if (g) return Tensor.made(g);
    if (!options.allowUnused)
      throw new AutogradError(
        `grad(): the outputs do not depend on an input of shape [${n.shape}]; pass { allowUnused: true } to get null for it`,
      );
    return null;
  });
  return inputs instanceof Tensor ? results[0] : results;
}
