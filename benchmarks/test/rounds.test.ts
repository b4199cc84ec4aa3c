// Rounds: everybody in turn, medians of all, and no figure of one that computed something else.

import { expect, test, vi } from "vitest";
import { askInRounds } from "../dist/rounds.js";

vi.spyOn(console, "error").mockImplementation(() => {});

const tasks = ["load", "matmul"].map((name) => ({ name, op: "matmul", m: 1, k: 1, n: 1 }) as const);

/** Answers each task with the next of its times, and says who was asked what. */
function contestant(name: string, times: (number | undefined)[], asked: string[] = [], check = "[1,1]") {
  const left = new Map(tasks.map((task) => [task.name, [...times]]));
  return {
    name,
    title: `${name} 1.0`,
    async ask(task: { name: string }) {
      asked.push(`${name} ${task.name}`);
      const ms = left.get(task.name)?.shift();
      return ms === undefined ? undefined : { ms, check, kernels: 2 };
    },
  };
}

test("asks everybody a task before the next, and in the other order in the second round", async () => {
  const asked: string[] = [];
  await askInRounds([contestant("we", [1, 1], asked), contestant("they", [1, 1], asked)], tasks, 2);
  expect(asked.slice(0, 4)).toEqual(["we load", "they load", "we matmul", "they matmul"]);
  expect(asked.slice(4)).toEqual(["they load", "we load", "they matmul", "we matmul"]);
});

test("the figures of several rounds are their medians", async () => {
  const [ours, theirs] = await askInRounds([contestant("we", [10, 20, 12]), contestant("they", [5, 7, 6])], tasks, 3);
  expect(ours.get("load")).toEqual({ ms: 12, check: "[1,1]", kernels: 2 });
  expect(theirs.get("matmul")?.ms).toBe(6);
});

test("one that failed in a round keeps the figures of the others", async () => {
  const [, theirs] = await askInRounds([contestant("we", [10, 20]), contestant("they", [undefined, 7])], tasks, 2);
  expect(theirs.get("load")?.ms).toBe(7);
});

test("one that never answers has no figures", async () => {
  const [, theirs] = await askInRounds([contestant("we", [10]), contestant("they", [])], tasks, 1);
  expect(theirs.size).toBe(0);
});

test("another result is an error", async () => {
  const other = contestant("they", [1], [], "[2,1]");
  await expect(askInRounds([contestant("we", [1]), other], tasks, 1)).rejects.toThrow(
    "load: they 1.0 has another result ([2,1]) than we 1.0 ([1,1])",
  );
});
