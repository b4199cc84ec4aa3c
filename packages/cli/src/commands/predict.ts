/** `kindling predict`: the likeliest classes of each picture. */

import { percent } from "../format.js";
import type { DeviceOptions } from "../options.js";
import { predict } from "../predict.js";
import { withDevice } from "./device.js";

export async function predictCommand(
  images: readonly string[],
  { checkpoint, top, ...device }: DeviceOptions & { readonly checkpoint: string; readonly top: number },
): Promise<number> {
  return withDevice(device, async () => {
    let unreadable = 0;
    for await (const prediction of predict(images, checkpoint, top)) {
      if ("error" in prediction) {
        unreadable++;
        console.error(`error: ${prediction.error.message}`);
        continue;
      }
      console.log(prediction.path);
      for (const { name, probability } of prediction.guesses)
        console.log(`  ${percent(probability).padStart(7)}  ${name}`);
    }
    return unreadable > 0 ? 1 : 0;
  });
}
