/** State dicts: round trips, and what is said when one does not fit. */

import { fromHost, init, noGrad, randn, type Tensor, zeros } from "@kindling/core";
import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  Linear,
  ModuleState,
  nearestNames,
  ReLU,
  Sequential,
  StateDictError,
} from "@kindling/nn";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => init({ threads: 1 }));

const build = (classes = 3): Sequential =>
  new Sequential(new Conv2d(1, 4, 3), new BatchNorm2d(4), new ReLU(), new Linear(2, classes));

const values = async (dict: ReadonlyMap<string, Tensor>): Promise<[string, number[]][]> =>
  Promise.all([...dict].map(async ([k, t]): Promise<[string, number[]]> => [k, Array.from(await t.data(), Number)]));

function errorOf(fn: () => unknown): StateDictError {
  try {
    fn();
  } catch (error) {
    if (error instanceof StateDictError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("loadStateDict", () => {
  it("copies everything, from a Map or a plain object", async () => {
    const [a, b, c] = [build(), build(), build()];
    a.call(randn([2, 1, 4, 4]));
    expect(b.loadStateDict(a.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    c.loadStateDict(Object.fromEntries(a.stateDict()));
    expect(await values(b.stateDict())).toEqual(await values(a.stateDict()));
    expect(await values(c.stateDict())).toEqual(await values(a.stateDict()));
    expect(await (b[1] as BatchNorm2d).num_batches_tracked!.item()).toBe(1);
    expect(b.parameters().every((p) => p.requiresGrad && p.isLeaf)).toBe(true);
  });

  it("converts dtypes", async () => {
    const layer = new Linear(1, 2, { bias: false });
    layer.loadStateDict({ weight: fromHost(Float64Array.of(0.5, 2), [2, 1], "float64") });
    expect(await layer.weight.toArray()).toEqual([[0.5], [2]]);
    expect(layer.weight.dtype).toBe("float32");
  });

  it("is not followed by later changes of the source", async () => {
    const [a, b] = [new Linear(1, 1), new Linear(1, 1)];
    noGrad(() => a.weight.fill_(3));
    b.loadStateDict(a.stateDict());
    noGrad(() => a.weight.fill_(4));
    expect(await b.weight.item()).toBe(3);
  });

  it("a cloned state dict stays what it was", async () => {
    const layer = new Linear(1, 1);
    noGrad(() => layer.weight.fill_(3));
    const best = new Map([...layer.stateDict()].map(([k, t]) => [k, t.clone()]));
    noGrad(() => layer.weight.fill_(4));
    expect(await best.get("weight")!.item()).toBe(3);
    layer.loadStateDict(best);
    expect(await layer.weight.item()).toBe(3);
  });

  it("lists all that does not fit, and loads nothing", async () => {
    const model = build();
    const before = await values(model.stateDict());
    const dict = new Map([...build(5).stateDict()].map(([k, t]) => [k, t]));
    dict.delete("0.weight");
    dict.set("0.wieght", zeros([4, 1, 3, 3]));
    dict.set("extra", zeros([1]));
    const error = errorOf(() => model.loadStateDict(dict));
    expect(error.missingKeys).toEqual(["0.weight"]);
    expect(error.unexpectedKeys).toEqual(["0.wieght", "extra"]);
    expect(error.mismatchedKeys).toEqual(["3.weight", "3.bias"]);
    expect(error.message).toContain("missing (1): 0.weight (near: 0.wieght)");
    expect(error.message).toContain("unexpected (2): 0.wieght (near: 0.weight), extra");
    expect(error.message).toContain("shape of 3.weight: [5, 2] in the state dict, [3, 2] in the model");
    expect(await values(model.stateDict())).toEqual(before);
  });

  it("without strict reports keys and loads the rest, but never another shape", async () => {
    const model = build();
    const dict = new Map(build().stateDict());
    dict.delete("3.bias");
    dict.set("other", zeros([1]));
    noGrad(() => dict.get("3.weight")!.fill_(7));
    expect(model.loadStateDict(dict, { strict: false })).toEqual({
      missingKeys: ["3.bias"],
      unexpectedKeys: ["other"],
    });
    expect((await model.stateDict().get("3.weight")!.data())[0]).toBe(7);
    expect(() => model.loadStateDict(build(5).stateDict(), { strict: false })).toThrow(StateDictError);
  });

  it("renames, and names a prefix that all keys carry", () => {
    const parallel = new Map([...build().stateDict()].map(([k, t]) => [`module.${k}`, t]));
    const error = errorOf(() => build().loadStateDict(parallel));
    expect(error.message).toContain('starts with "module.": pass { rename: (k) => k.slice(7) }');
    expect(build().loadStateDict(parallel, { rename: (k) => k.slice(7) })).toEqual({
      missingKeys: [],
      unexpectedKeys: [],
    });
    const partial = build().loadStateDict(parallel, {
      rename: (k) => (k.includes("3") ? null : k.slice(7)),
      strict: false,
    });
    expect(partial.missingKeys).toEqual(["3.weight", "3.bias"]);
  });

  it("takes files from before batch norm counted batches", async () => {
    const model = build();
    model.call(randn([2, 1, 4, 4]));
    const old = new Map(build().stateDict());
    old.delete("1.num_batches_tracked");
    expect(model.loadStateDict(old).missingKeys).toEqual([]);
  });

  it("carries the versions of modules, and tells them to the modules it is loaded into", () => {
    class Versioned extends Linear {
      told: (number | undefined)[] = [];
      override get stateVersion(): number {
        return 3;
      }
      override adaptStateDict(_stateDict: Map<string, Tensor>, _prefix: string, version?: number): void {
        this.told.push(version);
      }
    }
    const make = () => new Sequential(new Versioned(2, 2), new BatchNorm1d(2));
    const state = make().stateDict();
    expect([...state.metadata].map(([path, facts]) => [path, facts.get("version")])).toEqual([
      ["", 1],
      ["0", 3],
      ["1", 2],
    ]);
    const model = make();
    model.loadStateDict(state);
    model.loadStateDict(new Map(state));
    model.loadStateDict(Object.assign(new Map(state), { metadata: new Map([["0", "?"]]) }));
    const parallel = new ModuleState([...state].map(([name, tensor]) => [`module.${name}`, tensor]));
    for (const [path, facts] of state.metadata) parallel.metadata.set(path ? `module.${path}` : "module", facts);
    parallel.metadata.set("", new Map([["version", 1]])).set("0", new Map([["version", 1]]));
    model.loadStateDict(parallel, { rename: (name) => name.slice("module.".length) });
    expect((model[0] as Versioned).told).toEqual([3, undefined, undefined, 3]);
  });

  it("says so when it is given a whole checkpoint", () => {
    const checkpoint = { epoch: 3, model: build().stateDict() } as unknown as Record<string, Tensor>;
    expect(() => build().loadStateDict(checkpoint)).toThrow(/entry "epoch" is number, not a tensor/);
  });
});

describe("nearestNames", () => {
  it("finds the original of any name with two changed letters", () => {
    const models = ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x1_0", "wide_resnet50_2"];
    const change = fc.record({ model: fc.constantFrom(...models), at: fc.array(fc.nat(), { maxLength: 2 }) });
    fc.assert(
      fc.property(change, ({ model, at }) => {
        const letters = [...model];
        for (const i of at) letters[i % letters.length] = "#";
        expect(nearestNames(letters.join(""), models)[0]).toBe(model);
      }),
    );
    expect(nearestNames("vgg16", models)).toEqual([]);
  });
});
