/** Forward passes: parameter counts, state-dict entries and logits of the `models/` fixtures. */

import { join } from "node:path";
import { noGrad, Tensor } from "@kindling/core";
import { checkEncoded, type Encoded, Worst } from "./encoded.js";
import { fixtureNames, readJson } from "./fixtures.js";
import { buildInputs, buildModel, disposeModel, type ModelFixture } from "./model.js";
import { Mismatch, NotBuilt, type Tally } from "./report.js";
import { OUTPUTS } from "./tolerances.js";

export interface ForwardFixture extends ModelFixture {
  params: number;
  state: [name: string, dtype: string, shape: number[]][];
  out?: Record<string, Encoded>;
}

/** The fixtures' short names of dtypes. */
const SHORT: Readonly<Record<string, string>> = { float32: "f32", int64: "i64", float64: "f64", int32: "i32" };

/** Runs every fixture of `models/`. */
export async function runModels(directory: string, tally: Tally): Promise<void> {
  for (const name of fixtureNames(join(directory, "models"))) {
    await tally.run(
      `models/${name}`,
      async () => `${await forwardError(readJson(join(directory, "models", `${name}.json`)))}`,
    );
  }
}

/** The error of the logits in evaluation mode. @throws Mismatch beyond the tolerance, or if the model is another */
export async function forwardError(fixture: ForwardFixture): Promise<Worst> {
  const { group = "classification", out: wanted } = fixture;
  if (!wanted || !(group in OUTPUTS)) throw new NotBuilt(`${group} models are not built yet`);
  const model = await buildModel(fixture);
  const worst = new Worst();
  try {
    checkState(model, fixture);
    model.eval();
    const result: unknown = noGrad(() => model.call(buildInputs(fixture)[0]));
    for (const [name, want] of Object.entries(wanted)) {
      await checkEncoded(name, pick(result, name), want, OUTPUTS[group as keyof typeof OUTPUTS], worst);
    }
  } finally {
    disposeModel(model);
  }
  return worst;
}

/** The names, dtypes, shapes and order of the state dict, and the number of parameters. */
function checkState(model: Awaited<ReturnType<typeof buildModel>>, fixture: ForwardFixture): void {
  const params = model.parameters().reduce((sum, parameter) => sum + parameter.numel, 0);
  if (params !== fixture.params) throw new Mismatch(`parameters: got ${params}, want ${fixture.params}`);
  const entry = (name: string, dtype: string, shape: readonly number[]): string => `${name} ${dtype} [${shape}]`;
  const got = [...model.stateDict()].map(([name, t]) => entry(name, SHORT[t.dtype] ?? t.dtype, t.shape));
  const want = fixture.state.map((row) => entry(...row));
  const at = want.findIndex((line, i) => line !== got[i]);
  if (at >= 0 || got.length !== want.length) {
    const i = at >= 0 ? at : want.length;
    throw new Mismatch(`state dict entry ${i}: got ${got[i] ?? "none"}, want ${want[i] ?? "none"}`);
  }
}

/** An output by the fixture's name: `out` of a single tensor, `out.aux` or `out.5` inside a record or a list. */
function pick(result: unknown, name: string): Tensor {
  if (result instanceof Tensor && name === "out") return result;
  const key = name.replace(/^out\./, "");
  const value = result instanceof Map ? result.get(key) : (result as Record<string, unknown>)[key];
  if (!(value instanceof Tensor)) throw new Mismatch(`${name}: the model returns no such output`);
  return value;
}
