/** What a bundle for browsers holds: the table of weights where a program needs it, and only then. */

import { fileURLToPath } from "node:url";
import { models } from "@kindling/vision";
import { rolldown } from "rolldown";
import { expect, it } from "vitest";

const VISION = JSON.stringify(fileURLToPath(new URL("../../dist/index.js", import.meta.url)));

/** The chunks of a program: the one that starts it, and those that it loads when it comes to them. */
async function bundle(body: string): Promise<{ entry: string; later: string }> {
  const program = `import { models } from ${VISION};\n${body}`;
  const build = await rolldown({
    input: "program",
    platform: "browser",
    plugins: [
      {
        name: "program",
        resolveId: (id) => (id === "program" ? id : null),
        load: (id) => (id === "program" ? program : null),
      },
    ],
  });
  const { output } = await build.generate();
  const code = (isEntry: boolean): string =>
    output.flatMap((chunk) => (chunk.type === "chunk" && chunk.isEntry === isEntry ? [chunk.code] : [])).join("\n");
  return { entry: code(true), later: code(false) };
}

/** What tells that a piece of the package is there. */
const SIGNS = {
  "its name": '"resnet18"',
  "another name": '"densenet121"',
  "its weights": models.ResNet18_Weights.DEFAULT.file,
  "other weights": models.ResNet34_Weights.DEFAULT.file,
  categories: "goldfish",
};

const piecesOf = (code: string): string[] =>
  Object.entries(SIGNS).flatMap(([piece, sign]) => (code.includes(sign) ? [piece] : []));

it("a model with random weights does not bring the table along, but can get it", async () => {
  const { entry, later } = await bundle("console.log(models.resnet18());");
  expect(piecesOf(entry)).toEqual(["its name"]);
  expect(piecesOf(later)).toEqual(expect.arrayContaining(["its weights", "other weights", "categories"]));
});

it("the weights of one model come without those of others", async () => {
  const { entry } = await bundle("console.log(models.ResNet18_Weights.DEFAULT);");
  expect(piecesOf(entry)).toEqual(["its name", "its weights", "categories"]);
});
