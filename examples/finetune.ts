// Fine-tunes ShuffleNet V2 on a folder of pictures, with the packages alone: a program to copy and to change.
//
//   node examples/dist/finetune.js examples/finetune-sample examples/finetune-sample/*.pth mine.pth

import { findStateDict, load, save } from "@kindling/checkpoint";
import { init, manualSeed, noGrad } from "@kindling/core";
import { DataLoader } from "@kindling/data";
import { functional as F, Linear } from "@kindling/nn";
import { SGD } from "@kindling/optim";
import { datasets, models, transforms } from "@kindling/vision";

const [folder, weights, result] = process.argv.slice(2);
const device = await init({ device: "auto" });
manualSeed(0);

// The folder holds train/ and val/, each with one folder a class.
const { toTensor, resize, normalize, randomHorizontalFlip, IMAGENET_MEAN, IMAGENET_STD } = transforms;
const prepare = transforms.compose([toTensor(), resize([64, 64]), normalize(IMAGENET_MEAN, IMAGENET_STD)]);
const { train, val, classes } = await datasets.openTrainVal(folder, {
  trainTransform: transforms.compose([prepare, randomHorizontalFlip()]),
  valTransform: prepare,
  cache: true,
});
const trainBatches = new DataLoader(train, { batchSize: 32, shuffle: true, dropLast: true });
const valBatches = new DataLoader(val, { batchSize: 32 });

// The pretrained network knows six other classes: freeze all of it, then give it a new last layer.
const model = models.shufflenet_v2_x0_5({ numClasses: 6 });
model.loadStateDict(findStateDict(await load(weights)));
model.requiresGrad_(false);
model.fc = new Linear(1024, classes.length);
const optimizer = new SGD(model.fc.parameters(), { lr: 0.05, momentum: 0.9 });

for (let epoch = 1; epoch <= 5; epoch++) {
  model.train();
  for await (const [images, labels] of trainBatches) {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model.call(images), labels);
    loss.backward();
    await optimizer.step();
  }
  model.eval();
  let correct = 0;
  for await (const [images, labels] of valBatches) {
    const hits = noGrad(() => model.call(images).argmax(1).eq(labels).sum());
    correct += await hits.item();
  }
  console.log(`epoch ${epoch}: ${correct} of ${val.length} pictures right`);
}

await save(model.stateDict(), result); // torch.load reads it
device.close();
