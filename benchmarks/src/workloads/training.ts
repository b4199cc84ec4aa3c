// A training step as the workloads take it: SGD with momentum on cross entropy, over whatever requires a gradient.

import { arange } from "@kindling/core";
import * as nn from "@kindling/nn";
import { SGD } from "@kindling/optim";
import { input, type Run } from "../workload.js";

/** Steps of `model` on one batch of random pictures, `[batch, channels, size, size]`, of ten classes. */
export function trainingStep(model: nn.Layer, shape: readonly [number, number, number, number]): Run {
  const pictures = input(shape);
  const labels = arange(shape[0]).remainder(10).to("int32").retain();
  const trained = model.parameters().filter((parameter) => parameter.requiresGrad);
  const optimizer = new SGD(trained, { lr: 0.01, momentum: 0.9 });
  return async () => {
    optimizer.zeroGrad();
    const loss = nn.functional.crossEntropy(model.call(pictures), labels);
    loss.backward();
    await optimizer.step();
    return loss.item();
  };
}
