import { findStateDict, load, save } from "@kindling/checkpoint";
import { DataLoader } from "@kindling/data";
import * as nn from "@kindling/nn";
import { SGD } from "@kindling/optim";
import { datasets, models, transforms } from "@kindling/vision";

const model = models.resnet18();
model.loadStateDict(findStateDict(await load("resnet18.pth")));
model.requiresGrad_(false); // freeze everything …
model.fc = new nn.Linear(512, 4); // … but a new head

const transform = transforms.imageClassificationTrain({ cropSize: 224 });
const pictures = new datasets.ImageFolder("my-pictures/train", { transform });
const optimizer = new SGD(model.fc.parameters(), { lr: 0.05, momentum: 0.9 });
for await (const [images, labels] of new DataLoader(pictures, { batchSize: 32, shuffle: true })) {
  const loss = nn.functional.crossEntropy(model.call(images), labels);
  optimizer.zeroGrad();
  loss.backward();
  await optimizer.step();
}
await save(model.stateDict(), "mine.pth"); // torch.load reads it
