/** The code of docs/surgery.md runs and prints what the page says. */

import { readFileSync } from "node:fs";
import * as core from "@kindling/core";
import * as nn from "@kindling/nn";
import * as optim from "@kindling/optim";
import * as vision from "@kindling/vision";
import { expect, it } from "vitest";

const packages: Record<string, object> = {
  "@kindling/core": core,
  "@kindling/nn": nn,
  "@kindling/optim": optim,
  "@kindling/vision": vision,
};

const page = readFileSync(new URL("../../../docs/surgery.md", import.meta.url), "utf8");

/** The page's blocks of code as one program, whose imports come from `packages` and whose output from `print`. */
function programOf(text: string): (print: (...values: unknown[]) => void) => Promise<void> {
  const code = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block).join("\n");
  const body = code.replaceAll(/^import (\{.*\}) from ("@kindling\/\w+");$/gm, "const $1 = packages[$2];");
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  const run = new AsyncFunction("packages", "console", body);
  return (print) => run(packages, { log: print });
}

it("runs, and prints what it says", async () => {
  await core.init({ device: "cpu" });
  const printed: string[] = [];
  await programOf(page)((...values) =>
    printed.push(values.map((value) => (Array.isArray(value) ? `[${value.join(", ")}]` : `${value}`)).join(" ")),
  );
  expect(printed[0]).toBe("fc [4, 512]");
  expect(page).toContain(`// ${printed[0]}\n`);
  const groups = printed.slice(1, -3);
  expect(new Set(groups.map((line) => line.split(" ")[0]))).toEqual(
    new Set(["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]),
  );
  expect(groups.at(-1)).toBe("fc 0.001");
  expect(page).toContain(`// ${printed.at(-3)}\n`);
  expect(page).toContain(printed.at(-2)!.replaceAll(/^/gm, "    "));
  expect(printed.at(-1)).toBe("1813563392 11178564 11178564");
});
