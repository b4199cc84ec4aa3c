// What the runner and those that it times say to each other, in lines of JSON over stdin and stdout.
//
// The first line of an answerer names it, `{ peer }`. Then it answers one task after another: `{ name, ms }` with the
// median time, or `{ name, cannot }` with the reason. `check` tells what the work gave: shapes of the results (`[8,1000]`,
// separated by spaces), or a digest where the task defines one; the runner fails where ours is another.

/** One thing to time. Every tensor is float32; pictures are square. */
export type PeerTask = { name: string } & (
  | MatmulTask
  | Conv2dTask
  | ElementwiseTask
  | NetworkTask
  | SmallCnnTask
  | CheckpointTask
);

/** `[m, k] @ [k, n]`; with `batch`, so many of them: `[batch, m, k] @ [batch, k, n]`. */
export interface MatmulTask {
  op: "matmul";
  batch?: number;
  m: number;
  k: number;
  n: number;
}

/** A convolution of `[batch, inChannels, size, size]` without bias, or one of its two gradients. */
export interface Conv2dTask {
  op: "conv2d";
  pass: "forward" | "inputGrad" | "weightGrad";
  batch: number;
  inChannels: number;
  outChannels: number;
  size: number;
  kernel: number;
  stride: number;
  padding: number;
  groups: number;
}

/** Work that memory bounds, on a tensor x of `shape`, in the words of torch. */
export interface ElementwiseTask {
  op: "elementwise";
  work:
    | "copy" // x.clone()
    | "chain" // (((x·1.5 + 0.25).relu()·0.7 − 0.3).sigmoid()·x) + y
    | "exp"
    | "tanh"
    | "gelu"
    | "sum" // of all elements
    | "sumRows" // x.sum(1)
    | "sumColumns" // x.sum(0)
    | "sumChannels" // x.sum((0, 2, 3))
    | "softmax" // over dimension 1
    | "layerNorm" // over dimension 1, with weight and bias
    | "batchNorm" // in training, without running statistics, with weight and bias
    | "batchNormStep" // the same, and the gradients of x, weight and bias for a given gradient of the result
    | "transpose" // x.t().contiguous()
    | "channelsLast" // x.permute(0, 2, 3, 1).contiguous()
    | "addRow" // x + y, y: [shape[1]]
    | "addChannel" // x + y, y: [shape[1], 1, 1]
    | "cat" // of x and another of its shape, along dimension 1
    | "maxPool" // 3×3, stride 2, padding 1
    | "maxPoolGrad" // of x, for a given gradient of the result
    | "avgPool" // 2×2, stride 2
    | "globalAvgPool"; // x.mean((2, 3))
  shape: number[];
}

/**
 * A model of torchvision on square pictures: eval forward, a step of SGD with momentum over all layers, or over a new head of
 * 10 classes (ResNets only).
 */
export interface NetworkTask {
  op: "network";
  /** The builder's name. */
  model: string;
  pass: "inference" | "train" | "head";
  batch: number;
  size: number;
}

/** conv 1→32, pool, conv 32→64, pool, linear 128, linear 10: a step of SGD with momentum. */
export interface SmallCnnTask {
  op: "smallCnn";
  batch: number;
  size: number;
}

/** Reads a file of weights, or writes one. */
export interface CheckpointTask {
  op: "checkpoint";
  /**
   * `read` reads the file's bytes and no more (check: their digest); `load` gives a dict of tensors of a `.pth`,
   * `loadSafetensors` of a `.safetensors` file (check: the digest of the dict); `inspect` lists its tensors; `save` writes
   * the dict as a `.pth` (check: the digest of what is loaded from it).
   */
  action: "read" | "load" | "loadSafetensors" | "inspect" | "save";
  file: string;
  /** Where `save` writes. */
  target: string;
  /**
   * `warm`: again and again in one process. `first`: the first time in a process, whose start and imports are not timed.
   * `whole`: a process from its start to its end, which does nothing else.
   */
  process: "warm" | "first" | "whole";
}

/** What was measured of one task. */
export interface Answer {
  /** Median wall time of a run, in milliseconds. */
  ms: number;
  check?: string | null;
  /** Kernels launched in a run, where that is known. */
  kernels?: number;
  /** Highest memory of tensors and workspaces while it ran, where that is known. */
  peakBytes?: number;
}

export type AnswerLine = { peer: string } | ({ name: string } & Answer) | { name: string; cannot: string };
