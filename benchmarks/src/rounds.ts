// Asks all contestants the same tasks, one task after another and in rounds: where a machine's speed drifts, figures that
// were had within the same minute compare best, and medians over rounds better than many runs at once.

import type { Answer, PeerTask } from "../peers/tasks.js";
import type { Contestant } from "./contestant.js";
import { median } from "./median.js";

/** Answers by the task's name. */
export type Answers = ReadonlyMap<string, Answer>;

type AskOnly = Pick<Contestant, "name" | "title" | "ask">;

/** @returns what each contestant answered, medians over the rounds; in the contestants' order */
export async function askInRounds(
  contestants: readonly AskOnly[],
  tasks: readonly PeerTask[],
  rounds: number,
): Promise<Answers[]> {
  const all = contestants.map(() => new Map<string, Answer[]>(tasks.map(({ name }) => [name, []])));
  for (let round = 0; round < rounds; round++)
    for (const task of tasks) {
      console.error(`${task.name} …`);
      const answers = new Array<Answer | undefined>(contestants.length);
      // Every other round goes the other way, so that nobody always follows the same neighbour.
      const order = round % 2 === 0 ? [...contestants.keys()] : [...contestants.keys()].reverse();
      for (const i of order) answers[i] = await contestants[i].ask(task);
      checkResults(task.name, contestants, answers);
      answers.forEach((answer, i) => {
        if (answer !== undefined) all[i].get(task.name)?.push(answer);
      });
    }
  return all.map(
    (answers) => new Map([...answers].flatMap(([name, list]) => (list.length ? [[name, combine(list)]] : []))),
  );
}

/** One answer with the median time of all. */
const combine = (answers: readonly Answer[]): Answer => ({ ...answers[0], ms: median(answers.map(({ ms }) => ms)) });

/** Refuses figures of those that computed something else than the first. */
export function checkResults(
  task: string,
  contestants: readonly Pick<Contestant, "title">[],
  answers: readonly (Answer | undefined)[],
): void {
  const ours = answers[0]?.check;
  answers.forEach((answer, i) => {
    const theirs = answer?.check;
    if (ours != null && theirs != null && ours !== theirs)
      throw new Error(
        `${task}: ${contestants[i].title} has another result (${theirs}) than ${contestants[0].title} (${ours}): ` +
          "the times compare nothing",
      );
  });
}
