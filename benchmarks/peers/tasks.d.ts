// What the runner and its peers say to each other: a JSON list of tasks on stdin, JSON lines on stdout.
//
// The first line names the peer, `{ peer }`; then comes one line a task, in order: `{ name, ms }` with the median time,
// or `{ name, cannot }` with the reason.

/** One thing to time. Every tensor is float32; pictures are square. */
export type PeerTask = { name: string } & (MatmulTask | Conv2dTask | ResNet18Task | SmallCnnTask);

/** `[m, k] @ [k, n]`. */
export interface MatmulTask {
  op: "matmul";
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

/** torchvision's ResNet-18: eval forward, a step of SGD with momentum over all layers, or over a new head of 10. */
export interface ResNet18Task {
  op: "resnet18";
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

export type PeerLine = { peer: string } | { name: string; ms: number } | { name: string; cannot: string };
