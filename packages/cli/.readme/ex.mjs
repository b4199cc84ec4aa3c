import { findStateDict, load, save } from "@kindling/checkpoint";
import { DataLoader } from "@kindling/data";
import * as nn from "@kindling/nn";
import { SGD } from "@kindling/optim";
import { datasets, models, transforms } from "@kindling/vision";

const model = models.resnet18({ numClasses: 6 });
model.loadStateDict(findStateDict(await load("/work/shared/fixtures/pretrained/resnet18-fashion6.pth")));
model.requiresGrad_(false); // freeze everything …
model.fc = new nn.Linear(512, 4); // … but a new head

const transform = transforms.imageClassificationTrain({ cropSize: 64 });
const pictures = new datasets.ImageFolder("examples/finetune-sample/train", { transform });
const optimizer = new SGD(model.fc.parameters(), { lr: 0.05, momentum: 0.9 });
for await (const [images, labels] of new DataLoader(pictures, { batchSize: 32, shuffle: true })) {
  const loss = nn.functional.crossEntropy(model.call(images), labels);
  optimizer.zeroGrad();
  loss.backward();
  await optimizer.step(); console.log(await loss.item());
}
await save(model.stateDict(), "/tmp/mine.pth"); // torch.load reads it
