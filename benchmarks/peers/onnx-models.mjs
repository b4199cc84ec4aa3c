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

/** Batch norm on running statistics. @type {(graph: OnnxGraph, x: string, channels: number) => string} */
function batchNorm(graph, x, channels) {
  const constant = (/** @type {number} */ value) => graph.weight([channels], new Float32Array(channels).fill(value));
  return graph.node("BatchNormalization", [x, constant(1), constant(0), constant(0), constant(1)], { epsilon: 1e-5 });
}

/** ResNet's basic block. @type {(graph: OnnxGraph, x: string, from: number, to: number, stride: number) => string} */
function basicBlock(graph, x, from, to, stride) {
  let y = convolve(graph, x, { from, to, kernel: 3, stride, padding: 1 });
  y = graph.node("Relu", [batchNorm(graph, y, to)]);
  y = batchNorm(graph, convolve(graph, y, { from: to, to, kernel: 3, padding: 1 }), to);
  const shortcut = from === to ? x : batchNorm(graph, convolve(graph, x, { from, to, kernel: 1, stride }), to);
  return graph.node("Relu", [graph.node("Add", [y, shortcut])]);
}

/** @param {import("./tasks.d.ts").ResNet18Task} task */
function resnet18({ batch, size }) {
  const graph = new OnnxGraph();
  let x = graph.input("x", [batch, 3, size, size]);
  x = convolve(graph, x, { from: 3, to: 64, kernel: 7, stride: 2, padding: 3 });
  x = graph.node("Relu", [batchNorm(graph, x, 64)]);
  x = graph.node("MaxPool", [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let from = 64;
  for (const to of [64, 128, 256, 512]) {
    x = basicBlock(graph, x, from, to, from === to ? 1 : 2);
    x = basicBlock(graph, x, to, to, 1);
    from = to;
  }
  x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x])]);
  x = graph.node("Gemm", [x, graph.weight([1000, 512], random(512_000, 512))], { transB: 1 });
  return { model: graph.finish(x, [batch, 1000]), inputs: { x: [batch, 3, size, size] } };
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
    case "resnet18":
      return task.pass === "inference" ? resnet18(task) : undefined;
    default:
      return undefined;
  }
}
