/** Optimizers: ten steps on two parameters, against the trajectories of `ops/optim.json`. */

import type { Tensor } from "@kindling/core";
import * as optim from "@kindling/optim";
import { absmax, checkValues, Worst } from "./encoded.js";
import { camelCaseKeys } from "./naming.js";
import { NotBuilt, type Tally } from "./report.js";
import { type Stored, toTensor } from "./stored.js";
import { OPTIMIZER } from "./tolerances.js";

/** `ops/optim.json`. */
export interface OptimFixture {
  steps: number;
  cases: {
    id: string;
    optimizer: string;
    args: Record<string, unknown>;
    /** Names of the two parameters, and of the loss's constants: sum of 0.5 * a * (p - c)^2. */
    p: string[];
    a: string[];
    c: string[];
    trajectory: string;
    losses: number[];
  }[];
}

type OptimizerClass = new (params: Tensor[], options: Record<string, unknown>) => optim.Optimizer;

/** Runs every case; `stored` has the tensors that the cases name. */
export async function runOptim(
  { steps, cases }: OptimFixture,
  stored: Map<string, Stored>,
  tally: Tally,
): Promise<void> {
  const load = (names: string[]): Tensor[] => names.map((name) => toTensor(stored.get(name)!));

  for (const { id, optimizer: name, args, p, a, c, trajectory, losses } of cases) {
    await tally.run(`optim/${id}`, async () => {
      const Optimizer = (optim as unknown as Record<string, OptimizerClass | undefined>)[name];
      if (!Optimizer) throw new NotBuilt(`the optimizer ${name} is not built yet`);
      const params = load(p);
      for (const parameter of params) parameter.requiresGrad = true;
      const [as, cs] = [load(a), load(c)];
      const optimizer = new Optimizer(params, camelCaseKeys(args));
      const want = stored.get(trajectory)!.data as Float32Array;
      const width = want.length / steps;
      const worst = new Worst();
      for (let step = 0; step < steps; step++) {
        optimizer.zeroGrad();
        const terms = params.map((parameter, i) => parameter.sub(cs[i]).square().mul(as[i]).mul(0.5).sum());
        const loss = terms[0].add(terms[1]);
        loss.backward();
        await optimizer.step();
        const options = { tolerance: OPTIMIZER, worst };
        checkValues(`loss ${step}`, [await loss.item()], [losses[step]], { ...options, scale: losses[step] });
        const got = (await Promise.all(params.map((parameter) => parameter.data()))).flatMap((v) =>
          Array.from(v, Number),
        );
        const row = want.subarray(step * width, (step + 1) * width);
        checkValues(`parameters after step ${step + 1}`, got, row, { ...options, scale: absmax(row) });
      }
      return undefined;
    });
  }
}
