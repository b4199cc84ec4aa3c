// What the packaging test runs on the installed tarballs: two steps of training on plain Node.

import assert from "node:assert/strict";
import { init, manualSeed, randn, tensor } from "@kindling/core";
import * as nn from "@kindling/nn";
import { SGD } from "@kindling/optim";

await init({ device: "cpu" });
manualSeed(0);

const model = new nn.Sequential(
  new nn.Conv2d(1, 4, 3, { padding: 1 }),
  new nn.ReLU(),
  new nn.Flatten(),
  new nn.Linear(4 * 8 * 8, 2),
);
const optimizer = new SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
const pictures = randn([4, 1, 8, 8]);
const labels = tensor([0, 1, 0, 1], { dtype: "int32" });
const lossOf = new nn.CrossEntropyLoss();

/** @type {number[]} */
const losses = [];
for (let step = 0; step < 2; step++) {
  optimizer.zeroGrad();
  const loss = lossOf.call(model.call(pictures), labels);
  loss.backward();
  await optimizer.step();
  losses.push(await loss.item());
}
assert.ok(losses[1] < losses[0], `the loss did not fall: ${losses.join(", ")}`);
