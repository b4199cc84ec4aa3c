/** The code of docs/checkpoints.md runs, and prints what the page says. */

import { readFileSync } from "node:fs";
import * as library from "@kindling/checkpoint";
import { expect, it } from "vitest";

const page = readFileSync(new URL("../../../docs/checkpoints.md", import.meta.url), "utf8");
const recorded = new URL("./recorded/reading/files/", import.meta.url).pathname;

/** The files that the page names. */
const FILES: Readonly<Record<string, string>> = {
  "training.pth": "checkpoint.zip.pth",
  "whole-model.pth": "refused.own_module.pth",
};

/** The page's blocks of code as one program, with the package in `library` and output by `print`. */
function programOf(text: string): (print: (...values: unknown[]) => void) => Promise<void> {
  const code = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block).join("\n");
  const body = code
    .replaceAll(/^import (\{.*\}) from "@kindling\/checkpoint";$/gm, "const $1 = library;")
    .replaceAll(
      /(load|openCheckpoint)\("([\w.-]+)"/g,
      (_, open: string, name: string) => `${open}(${JSON.stringify(recorded + FILES[name])}`,
    );
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  const run = new AsyncFunction("library", "console", body);
  return (print) => run(library, { log: print });
}

it("runs, and prints what it says", async () => {
  const printed: string[] = [];
  await programOf(page)((...values) => printed.push(values.map(String).join(" ")));
  const said = [...page.matchAll(/console\.log\(.*\); *\/\/ (.*)$/gm)].map(([, line]) => line);
  expect(said.length).toBeGreaterThan(5);
  expect(printed).toEqual(said);
});
