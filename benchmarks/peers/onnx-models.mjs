// The peers' tasks as ONNX models, for those that run such. Weights are random.

import { OnnxGraph } from "./onnx.mjs";
import { networkFile } from "./onnx-networks.mjs";

/**
 * A model, as bytes or in a file, with the shapes of its inputs.
 *
 * @typedef {{ model: Uint8Array | string, inputs: Record<string, number[]> }} OnnxModel
 */

/** Uniform values of the variance that keeps activations in range. @type {(count: number, fanIn: number) => Float32Array} */
function random(count, fanIn) {
  const half = Math.sqrt(3 / fanIn);
  return Float32Array.from({ length: count }, () => (Math.random() * 2 - 1) * half);
}

/** @type {(task: import("./tasks.d.ts").Conv2dTask) => OnnxModel} */
function conv2d({ batch, inChannels, outChannels, size, kernel, stride, padding, groups }) {
  const graph = new OnnxGraph();
  const x = graph.input("x", [batch, inChannels, size, size]);
  const shape = [outChannels, inChannels / groups, kernel, kernel];
  const fanIn = shape[1] * kernel * kernel;
  const weight = graph.weight(shape, random(outChannels * fanIn, fanIn));
  const pads = [padding, padding, padding, padding];
  const y = graph.node("Conv", [x, weight], { strides: [stride, stride], pads, group: groups });
  const outSize = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  return {
    model: graph.finish(y, [batch, outChannels, outSize, outSize]),
    inputs: { x: [batch, inChannels, size, size] },
  };
}

/** @type {(task: import("./tasks.d.ts").MatmulTask) => OnnxModel} */
function matmul({ batch, m, k, n }) {
  const graph = new OnnxGraph();
  const batches = batch === undefined ? [] : [batch];
  const [a, b] = [
    [...batches, m, k],
    [...batches, k, n],
  ];
  const product = graph.node("MatMul", [graph.input("a", a), graph.input("b", b)]);
  return { model: graph.finish(product, [...batches, m, n]), inputs: { a, b } };
}

/** The eight operators of the chain. @type {(graph: OnnxGraph, x: string, y: string) => string} */
function chain(graph, x, y) {
  const scalar = (/** @type {number} */ value) => graph.weight([], Float32Array.of(value));
  const scaled = graph.node("Add", [graph.node("Mul", [x, scalar(1.5)]), scalar(0.25)]);
  const clipped = graph.node("Mul", [graph.node("Relu", [scaled]), scalar(0.7)]);
  const gate = graph.node("Sigmoid", [graph.node("Sub", [clipped, scalar(0.3)])]);
  return graph.node("Add", [graph.node("Mul", [gate, x]), y]);
}

/**
 * Work of which ONNX has an operator, or that is the chain; undefined for the other.
 *
 * @type {(task: import("./tasks.d.ts").ElementwiseTask) => OnnxModel | undefined}
 */
function elementwise({ work, shape }) {
  const graph = new OnnxGraph();
  const x = graph.input("x", shape);
  const unary = (/** @type {string} */ op, /** @type {Record<string, number | number[]>} */ attributes = {}) => ({
    model: graph.finish(graph.node(op, [x], attributes), shape),
    inputs: { x: shape },
  });
  switch (work) {
    case "chain":
      return { model: graph.finish(chain(graph, x, graph.input("y", shape)), shape), inputs: { x: shape, y: shape } };
    case "exp":
      return unary("Exp");
    case "tanh":
      return unary("Tanh");
    case "softmax":
      return unary("Softmax", { axis: 1 });
    case "transpose":
      return unary("Transpose", { perm: [1, 0] });
    default:
      return undefined;
  }
}

/**
 * The model of a task; undefined where ONNX has none: it computes no gradients.
 *
 * @type {(task: import("./tasks.d.ts").PeerTask) => OnnxModel | undefined}
 */
export function onnxModel(task) {
  switch (task.op) {
    case "matmul":
      return matmul(task);
    case "conv2d":
      return task.pass === "forward" ? conv2d(task) : undefined;
    case "elementwise":
      return elementwise(task);
    case "network":
      if (task.pass !== "inference") return undefined;
      return { model: networkFile(task), inputs: { x: [task.batch, 3, task.size, task.size] } };
    default:
      return undefined;
  }
}
