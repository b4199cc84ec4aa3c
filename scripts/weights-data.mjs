// Writes the tables of published weights of packages/vision/src/weights from the fixtures' weights.json and
// categories.json, which list torchvision's.
//
//   node scripts/weights-data.mjs [the folder of the fixtures]

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./lib/process.mjs";

/**
 * An entry of weights.json.
 * @typedef {object} Entry
 * @property {string} builder
 * @property {string} group
 * @property {string} enum
 * @property {string} entry
 * @property {boolean} default
 * @property {string} file
 * @property {number} num_params
 * @property {number | null} categories how many
 * @property {{ resize_size: number, crop_size: number, interpolation: string, mean: number[], std: number[] }} transforms
 * @property {Record<string, Record<string, number | null>>} metrics
 * @property {{ min_size: number[], license?: string }} meta
 */

const fixtures = process.argv[2] ?? process.env.KINDLING_FIXTURES ?? join(root, "../shared/fixtures");
const folder = join(root, "packages/vision/src/weights");

/** Full addresses of the licences, of which the fixtures keep the last part. @type {Record<string, string>} */
const LICENSES = { LICENSE: "https://github.com/facebookresearch/SWAG/blob/main/LICENSE" };

/** What most entries have, which imagenet.ts fills in. @type {Record<string, unknown>} */
const USUAL = {
  resize: 256,
  crop: 224,
  interpolation: "bilinear",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** Python writes NaN, which JSON does not know. @type {(name: string) => any} */
const readJson = (name) => JSON.parse(readFileSync(join(fixtures, name), "utf8").replaceAll(/\bNaN\b/g, "null"));

/** Writes a file of the package, formatted as all are. @type {(name: string, text: string) => void} */
function write(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  execFileSync(join(root, "node_modules/.bin/biome"), ["format", "--write", path], { stdio: "inherit" });
}

/** A value as TypeScript; biome takes the quotes from names. @type {(value: unknown) => string} */
const literal = (value) => JSON.stringify(value);

/** A row of the table, see ImageNetRow. @type {(entry: Entry) => string} */
function row({ entry, file, num_params, categories, transforms, metrics, meta }) {
  const { resize_size: resize, crop_size: crop, interpolation, mean, std } = transforms;
  const { "acc@1": top1, "acc@5": top5 } = metrics["ImageNet-1K"];
  const [height, width] = meta.min_size;
  if (height !== width) throw new Error(`${file}: a row cannot hold the smallest size ${meta.min_size}`);
  const preset = Object.entries({ resize, crop, interpolation, mean, std });
  const fields = {
    file,
    params: num_params,
    minSize: height,
    ...(top1 === null ? {} : { accuracy: [top1, top5] }),
    ...Object.fromEntries(preset.filter(([name, value]) => literal(value) !== literal(USUAL[name]))),
    ...(categories === null ? { categories } : {}),
    ...(meta.license ? { license: LICENSES[meta.license] } : {}),
  };
  return `${entry}: { ${Object.entries(fields).map(([name, value]) => `${name}: ${literal(value)}`)} }`;
}

/** @type {(entries: Entry[]) => string} */
function classification(entries) {
  const tables = entries
    .filter((entry) => entry.default)
    .map(({ enum: enumName, builder, entry }) => {
      const rows = entries.filter((other) => other.enum === enumName).map(row);
      return `export const ${enumName} = imagenetWeights(${[enumName, builder, entry].map(literal)}, {\n${rows.join()} });\n`;
    });
  return [
    "/** Published weights of the classifiers. Written by scripts/weights-data.mjs. */\n",
    'import { imagenetWeights } from "./imagenet.js";\n',
    ...tables,
  ].join("\n");
}

/** @type {(names: string[]) => string} */
function imagenetCategories(names) {
  const odd = names.filter((name) => /[,`\\$]/.test(name) || name !== name.trim());
  if (names.length !== 1000 || odd.length > 0) throw new Error(`names that a row of ten cannot hold: ${odd}`);
  const rows = Array.from({ length: 100 }, (_, i) => names.slice(10 * i, 10 * i + 10).join(", "));
  return `/** Names of ImageNet's classes, ten a row, in the order of the logits. Written by scripts/weights-data.mjs. */

export const IMAGENET_CATEGORIES: readonly string[] = \`
${rows.join(",\n")}
\`
  .trim()
  .split(/,\\s/);
`;
}

/** @type {{ entries: Entry[] }} */
const { entries } = readJson("weights.json");
const classifiers = entries.filter(({ group }) => group === "classification");
write("classification.ts", classification(classifiers));
write("imagenet-categories.ts", imagenetCategories(readJson("categories.json").imagenet_categories));
