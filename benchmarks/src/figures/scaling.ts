// How much faster two threads are than one, the two asked in turn.

import { Contestant } from "../contestant.js";
import { type Engine, engineProgram } from "../engines.js";
import { askInRounds } from "../rounds.js";
import { networks } from "../workloads/networks.js";
import type { Figure, FigureGroup } from "./figure.js";

const NAME = "resnet18 training step b8";
const THREADS = [1, 2];
const ROUNDS = 3;

async function measure(engine: Engine): Promise<Figure[]> {
  const { task } = networks.find((network) => network.task.name === NAME)!;
  const contestants: Contestant[] = [];
  for (const threads of THREADS)
    contestants.push(await Contestant.start(engineProgram(engine, ["--threads", String(threads), "--runs", "3"])));
  const [one, two] = (await askInRounds(contestants, [task], ROUNDS)).map((answers) => answers.get(NAME)!.ms);
  for (const contestant of contestants) await contestant.close();
  return [
    { name: "scaling: ResNet-18 training on one thread", unit: "ms", value: one },
    { name: "scaling: ResNet-18 training on two threads", unit: "ms", value: two },
    { name: "scaling: speed-up", unit: "×", value: one / two },
  ];
}

export const scaling: FigureGroup = { name: "process scaling", measure };
