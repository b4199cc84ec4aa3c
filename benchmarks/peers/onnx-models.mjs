// The peers' tasks as ONNX models: matmul, one convolution, ResNet-18 in eval mode. Weights are random.

import { OnnxGraph } from "./onnx.mjs";

/** Uniform values of the variance that keeps activations in range. @type {(count: number, fanIn: number) => Float32Array} */
function random(count, fanIn) {
  const half = Math.sqrt(3 / fanIn);
  return Float32Array.from({ length: count }, () => (Math.random() * 2 - 1) * half);
}

/**
 * A convolution without bias.
 *
 * @param {OnnxGraph} graph
 * @param {string} x
 * @param {{ from: number, to: number, kernel: number, stride?: number, padding?: number, groups?: number }} layer
 */
function convolve(graph, x, { from, to, kernel, stride = 1, padding = 0, groups = 1 }) {
  const shape = [to, from / groups, kernel, kernel];
  const weight = graph.weight(shape, random(to * shape[1] * kernel * kernel, shape[1] * kernel * kernel));
  const pads = [padding, padding, padding, padding];
  return graph.node("Conv", [x, weight], { strides: [stride, stride], pads, group: groups });
}

/** @param {import("./tasks.d.ts").Conv2dTask} task */
function conv2d({ batch, inChannels, outChannels, size, kernel, stride, padding, groups }) {
  const graph = new OnnxGraph();
  const x = graph.input("x", [batch, inChannels, size, size]);
  const y = convolve(graph, x, { from: inChannels, to: outChannels, kernel, stride, padding, groups });
  const outSize = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  return {
    model: graph.finish(y, [batch, outChannels, outSize, outSize]),
    inputs: { x: [batch, inChannels, size, size] },
  };
}

/** @param {import("./tasks.d.ts").MatmulTask} task */
function matmul({ m, k, n }) {
  const graph = new OnnxGraph();
  const product = graph.node("MatMul", [graph.input("a", [m, k]), graph.input("b", [k, n])]);
  return { model: graph.finish(product, [m, n]), inputs: { a: [m, k], b: [k, n] } };
}

/**
 * The model of a task, with the shapes of its inputs; undefined where the task needs a gradient.
 *
 * @param {import("./tasks.d.ts").PeerTask} task
 * @returns {{ model: Uint8Array, inputs: Record<string, number[]> } | undefined}
 */
export function onnxModel(task) {
  switch (task.op) {
    case "matmul":
      return matmul(task);
    case "conv2d":
      return task.pass === "forward" ? conv2d(task) : undefined;
    default:
      return undefined;
  }
}
