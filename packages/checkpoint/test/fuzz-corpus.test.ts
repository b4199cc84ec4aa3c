/** Replays what the fuzzer has kept: every input still gives a value or a `CheckpointError`, quickly. */

import { describe, expect, it } from "vitest";
import { corpusFolder, readInputs } from "../fuzz/dist/corpus.js";
import { checkPrototypes } from "../fuzz/dist/prototypes.js";
import { TARGETS } from "../fuzz/dist/targets.js";

describe("the corpus of the fuzzer", () => {
  for (const [name, target] of TARGETS) {
    it(name, async () => {
      const inputs = readInputs(corpusFolder(name));
      expect(inputs.size).toBeGreaterThan(0);
      for (const [file, bytes] of inputs) {
        const start = performance.now();
        await target.run(bytes).catch((cause: unknown) => {
          throw new Error(`${name}/${file}`, { cause });
        });
        expect(performance.now() - start, `${name}/${file} in ms`).toBeLessThan(1000);
      }
      checkPrototypes();
    });
  }
});
