/** `renameKeys`: torch's versions of modules go where their entries go. */

import { OrderedDict, renameKeys, stripPrefix } from "@kindling/checkpoint";
import { zeros } from "@kindling/core";
import { describe, expect, it } from "vitest";

const version = (number: number): Map<string, number> => new Map([["version", number]]);

/** A state dict of the given names, whose modules have the given versions. */
function stateDict(names: readonly string[], versions: Readonly<Record<string, number>>) {
  const state = new OrderedDict(names.map((name) => [name, zeros([1])]));
  state.metadata = new Map(Object.entries(versions).map(([module, number]) => [module, version(number)]));
  return state;
}

const versionsOf = (state: OrderedDict<string, never>) =>
  Object.fromEntries([...(state.metadata as Map<string, Map<string, number>>)].map(([m, v]) => [m, v.get("version")]));

const names = ["module.conv.weight", "module.bn.weight", "module.head.0.weight"];
const versions = {
  "": 1,
  module: 3,
  "module.conv": 4,
  "module.bn": 2,
  "module.relu": 5,
  "module.head": 6,
  "module.head.0": 7,
};

describe("the metadata of a renamed state dict", () => {
  const renamed = (rename: (name: string) => string | undefined) =>
    versionsOf(renameKeys(stateDict(names, versions), rename) as never);

  it("stays where names stay", () => {
    expect(renamed((name) => name)).toEqual(versions);
  });

  it("loses a prefix with the names, also of modules that have no entries", () => {
    expect(renamed(stripPrefix("module."))).toEqual({ "": 3, conv: 4, bn: 2, relu: 5, head: 6, "head.0": 7 });
  });

  it("gets a prefix with the names", () => {
    expect(renamed((name) => `net.${name}`)).toEqual(
      Object.fromEntries(Object.entries(versions).map(([m, v]) => [m === "" ? "net" : `net.${m}`, v])),
    );
  });

  it("of one module goes with that module, and is left out with it", () => {
    const rename = (name: string) =>
      name.includes("head") ? undefined : name.replace("module.bn.", "module.norm.").replace("module.conv.", "stem.");
    const result = renamed(rename);
    expect(result).toMatchObject({ stem: 4, "module.norm": 2 });
    expect(Object.keys(result).filter((m) => /bn|conv|head/.test(m))).toEqual([]);
  });

  it("of names with very many dots takes no time", () => {
    const long = `${"a.".repeat(1_000_000)}weight`;
    const start = performance.now();
    renameKeys(stateDict([long], { [long]: 1, [`${long}.b`]: 1 }), (name) => `b.${name}`);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
