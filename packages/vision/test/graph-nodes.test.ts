/**
 * Which nodes models have and which state an extractor has, against torchvision's, which `feature-extraction.py` wrote.
 * No device is started: nothing is computed.
 */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { models } from "@kindling/vision";
import { describe, expect, it } from "vitest";

/** By builder: the modules that a forward calls, and the keys of the state of an extractor up to a node. */
interface Torchvision {
  nodes: Record<string, string[]>;
  states: Record<string, Record<string, string[]>>;
}

const torchvision: Torchvision = JSON.parse(
  gunzipSync(readFileSync(new URL("feature-extraction.json.gz", import.meta.url))).toString(),
);

describe("nodes", () => {
  it.each(Object.keys(torchvision.nodes))("of %s are the calls that torchvision makes", (name) => {
    const model = models.getModel(name as models.ModelName);
    const paths = new Set(model.namedModules().map(([path]) => path));
    const ours = models.getGraphNodeNames(model);
    expect(new Set(ours).size).toBe(ours.length);
    // torchvision goes into fewer modules than we do.
    const theirs = new Set(torchvision.nodes[name]);
    const called = ours
      .map((node) => (paths.has(node) ? node : node.replace(/_\d+$/, "")))
      .filter((path) => theirs.has(path));
    // Branches side by side may be called in any order.
    expect(called.sort()).toEqual(torchvision.nodes[name].sort());
  });
});

describe("an extractor", () => {
  const ends = Object.entries(torchvision.states).flatMap(([name, states]) =>
    Object.entries(states).map(([end, keys]): [string, string, string[]] => [name, end, keys]),
  );

  it.each(ends)(
    "of %s up to %s has torchvision's parameters and buffers, which are the model's own",
    (name, end, keys) => {
      const model = models.getModel(name as models.ModelName);
      const state = models.createFeatureExtractor(model, [end]).stateDict();
      expect([...state.keys()].sort()).toEqual([...keys].sort());
      const own = model.stateDict();
      for (const [key, t] of state) expect(t).toBe(own.get(key));
    },
  );

  it("has no parameters that its nodes do not depend on", () => {
    const keys = (model: models.VisionTransformer, end: string): string[] => [
      ...models.createFeatureExtractor(model, [end]).stateDict().keys(),
    ];
    const vit = models.vit_b_32();
    expect(keys(vit, "conv_proj")).toEqual(["conv_proj.weight", "conv_proj.bias"]);
    expect(keys(vit, "encoder.dropout").sort()).toEqual(
      ["class_token", "conv_proj.bias", "conv_proj.weight", "encoder.pos_embedding"].sort(),
    );
    const block = [...vit.stateDict().keys()].filter((key) => key.startsWith("encoder.layers.encoder_layer_0."));
    expect(keys(vit, "encoder.layers.encoder_layer_0")).toHaveLength(4 + block.length);
  });
});

it("refuses options that there are not", () => {
  const options = { inputSize: [1, 3, 32, 32] } as models.TraceOptions;
  const model = models.resnet18();
  expect(() => models.getGraphNodeNames(model, options)).toThrow(/^getGraphNodeNames: unknown option "inputSize"/);
  expect(() => models.createFeatureExtractor(model, ["fc"], options)).toThrow(/unknown option "inputSize"/);
});
