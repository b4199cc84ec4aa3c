/** Operators, forward and gradient: the cases of `ops/ops.json`. Runs in Node and in pages alike. */

import { isFloat, type Tensor } from "@kindling/core";
import { absmax, checkShape, checkValues, Worst } from "./encoded.js";
import { given } from "./naming.js";
import { elementwise } from "./ops/elementwise.js";
import { layers } from "./ops/layers.js";
import { movement } from "./ops/movement.js";
import type { Args, Table } from "./ops/row.js";
import { Mismatch, NotBuilt, type Tally } from "./report.js";
import { type Stored, toTensor } from "./stored.js";
import { OPERATOR } from "./tolerances.js";

interface OpCase {
  id: string;
  op: string;
  args: Args;
  /** Names of the tensors: inputs, outputs, weights of the outputs (by output index), gradients (by input). */
  in: Record<string, string>;
  out: string[];
  gout?: Record<string, string>;
  grad?: Record<string, string>;
}

/** Torch's names of operators, and ours. */
export const OPERATORS: Table = { ...elementwise, ...movement, ...layers };

/** `ops/ops.json`. */
export interface OpsFixture {
  cases: OpCase[];
}

/** Runs every case; `stored` has the tensors that the cases name. */
export async function runOps({ cases }: OpsFixture, stored: Map<string, Stored>, tally: Tally): Promise<void> {
  for (const item of cases) await tally.run(`ops/${item.id}`, () => checkOperator(item, stored));
}

/** Outputs, then the gradients of the sum over the outputs of sum(out * gout). */
async function checkOperator(
  { op, args, in: names, ...item }: OpCase,
  stored: Map<string, Stored>,
): Promise<undefined> {
  if (!Object.hasOwn(OPERATORS, op)) throw new NotBuilt(`the operator ${op} is not built yet`);
  const wanted = item.out.map((name) => stored.get(name)!);
  const gradients = Object.entries(item.grad ?? {});
  const learned = new Set(gradients.map(([input]) => input));
  const inputs = Object.fromEntries(
    Object.entries(names).map(([input, name]) => [input, toTensor(stored.get(name)!, learned.has(input))]),
  );
  const outputs = [
    OPERATORS[op](
      inputs,
      given(args),
      wanted.map(({ shape }) => shape),
    ),
  ].flat();
  if (outputs.length !== wanted.length) throw new Mismatch(`got ${outputs.length} outputs, want ${wanted.length}`);

  const weighted = Object.entries(item.gout ?? {}).map(([i, name]) =>
    outputs[Number(i)].mul(toTensor(stored.get(name)!)).sum(),
  );
  if (weighted.length) weighted.reduce((sum, term) => sum.add(term)).backward();
  for (const [i, want] of wanted.entries()) await compare(`${op} output ${i}`, outputs[i], want);
  for (const [input, name] of gradients) {
    const gradient = inputs[input].grad;
    if (!gradient) throw new Mismatch(`${op} gradient of ${input}: got none`);
    await compare(`${op} gradient of ${input}`, gradient, stored.get(name)!);
  }
}

/** Floats within the tolerance relative to absmax, everything else exactly. */
async function compare(what: string, got: Tensor, want: Stored): Promise<void> {
  checkShape(what, got.shape, want.shape);
  if (isFloat(got.dtype) !== isFloat(want.dtype)) throw new Mismatch(`${what}: got ${got.dtype}, want ${want.dtype}`);
  const values = Array.from(await got.data(), Number);
  const wanted = Array.from(want.data, Number);
  const scale = isFloat(want.dtype) ? absmax(wanted) : 1;
  const tolerance = isFloat(want.dtype) ? OPERATOR : 0;
  checkValues(what, values, wanted, { tolerance, scale, worst: new Worst() });
}
