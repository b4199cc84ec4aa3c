/**
 * `pnpm docs:models [size] [cpu] [webgpu] [time] [--filter regex]`: measures every builder and writes docs/models.md.
 *
 * A run makes the measurements that it is told (all of them by default) and keeps the others as docs/models.json has
 * them: `size` counts, `cpu` and `webgpu` compare logits with the fixtures, `time` runs each model alone.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { flush, init, noGrad, randn } from "@kindling/core";
import { models } from "@kindling/vision";
import { fixtureDirectory, fixtureNames, readJson } from "./fixtures.js";
import { disposeModel } from "./model.js";
import { type ForwardFixture, forwardError } from "./models.js";
import { isSlow } from "./slow.js";

/** What is known of a builder. Errors are relative to the largest logit; the worst of its fixtures. */
interface Row {
  params?: number;
  multiplyAdds?: number;
  /** Side of the square input that its default weights take. */
  input?: number;
  cpu?: number;
  webgpu?: number;
  /** Median milliseconds of an inference of one picture on the cpu device. */
  ms?: number;
}

type Rows = Record<string, Row>;
type Measure = (name: models.ModelName) => Promise<Row | undefined>;

const docs = resolve(fileURLToPath(new URL(".", import.meta.url)), "../../../docs");
const directory = fixtureDirectory();

/** The model in the form of its default weights, with random ones. */
const formOf = (name: string): Promise<models.Classifier> =>
  models.getModelBuilder(name).pretrained(models.getModelWeights(name).DEFAULT, {}, () => {});

const side = (name: models.ModelName): number => models.getModelWeights(name).DEFAULT.preset.cropSize;

async function size(name: models.ModelName): Promise<Row> {
  const input = side(name);
  const { totalParams: params, multiplyAdds } = models.summary(await formOf(name), [1, 3, input, input]);
  return { params, multiplyAdds, input };
}

/** The worst error of the logits; undefined where the fixtures have none, or none that the device is quick at. */
const error =
  (device: "cpu" | "webgpu"): Measure =>
  async (name) => {
    const cases = fixtureNames(join(directory, "models")).filter(
      (fixture) => fixture.split("@")[0] === name && !isSlow(device, `models/${fixture}`),
    );
    const errors: number[] = [];
    for (const fixture of cases) {
      const { error } = await forwardError(readJson<ForwardFixture>(join(directory, "models", `${fixture}.json`)));
      errors.push(error);
    }
    return errors.length > 0 ? { [device]: Math.max(...errors) } : undefined;
  };

/** Runs of an inference after the first, which also plans, compiles and computes the initial weights. */
const RUNS = 3;

async function time(name: models.ModelName): Promise<Row> {
  const model = (await formOf(name)).eval();
  const input = randn([1, 3, side(name), side(name)]);
  const times: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    const start = performance.now();
    await models.outputsOf(noGrad(() => model.call(input)))[0].data();
    times.push(performance.now() - start);
  }
  disposeModel(model);
  await flush();
  return { ms: times.slice(1).sort((a, b) => a - b)[RUNS >> 1] };
}

const MEASURES: Readonly<Record<string, { device: "cpu" | "webgpu"; measure: Measure }>> = {
  size: { device: "cpu", measure: size },
  cpu: { device: "cpu", measure: error("cpu") },
  webgpu: { device: "webgpu", measure: error("webgpu") },
  time: { device: "cpu", measure: time },
};

const COLUMNS: readonly [title: string, cell: (row: Row) => string][] = [
  ["Parameters", ({ params = 0 }) => `${(params / 1e6).toFixed(1)} M`],
  ["Input", ({ input }) => `${input}²`],
  ["Multiply-adds", ({ multiplyAdds = 0 }) => `${(multiplyAdds / 1e9).toFixed(multiplyAdds < 1e10 ? 2 : 1)} G`],
  ["Error, cpu", ({ cpu }) => cpu?.toExponential(1) ?? "–"],
  ["Error, webgpu", ({ webgpu }) => webgpu?.toExponential(1) ?? "–"],
  ["Time", ({ ms }) => (ms === undefined ? "–" : ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`)],
];

function page(rows: Rows): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const table = [
    line(["Builder", ...COLUMNS.map(([title]) => title)]),
    line([":--", ...COLUMNS.map(() => "--:")]),
    ...models.listModels().map((name) => line([`\`${name}\``, ...COLUMNS.map(([, cell]) => cell(rows[name] ?? {}))])),
  ];
  return `# Models

\`pnpm docs:models\` measures and writes this page. All ${models.listModels().length} builders of torchvision 0.14's classifiers are in
\`@kindling/vision\`, under torchvision's names: \`models.resnet50()\` is a model with random weights,
\`await models.resnet50({ weights: "DEFAULT" })\` one with published weights ([weights.md](weights.md)), and
[surgery.md](surgery.md) is about giving it your own classes.

- *Input* is the side of the picture that the default weights take; *multiply-adds* and *time* are of one such picture.
- *Error* is the largest difference of a logit from PyTorch's in float64, relative to the largest logit, over the fixtures
  of the model; 2e-5 is allowed. A dash: there is no fixture of it.
- *Time* is the median of ${RUNS} inferences on the \`cpu\` device with all its threads, on ${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.versions.node}.

${table.join("\n")}
`;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { filter: { type: "string", default: "" } },
});
const stored = join(docs, "models.json");
const rows = JSON.parse(readFileSync(stored, "utf8")) as Rows;
for (const kind of positionals.length > 0 ? positionals : Object.keys(MEASURES)) {
  if (!Object.hasOwn(MEASURES, kind))
    throw new Error(`unknown measurement ${kind}: ${Object.keys(MEASURES).join(", ")}`);
  const { device, measure } = MEASURES[kind];
  await init({ device });
  for (const name of models.listModels().filter((name) => new RegExp(values.filter).test(name))) {
    const measured = await measure(name);
    if (!measured) continue;
    rows[name] = { ...rows[name], ...measured };
    console.log(`${kind} ${name}: ${JSON.stringify(measured)}`);
    writeFileSync(stored, `${JSON.stringify(rows, null, 2)}\n`);
  }
}
writeFileSync(join(docs, "models.md"), page(rows));
process.exit(0);
