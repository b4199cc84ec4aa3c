// The protocol between the runner and those that it asks, with programs of three lines.

import { afterEach, expect, test } from "vitest";
import { Contestant } from "../dist/contestant.js";

const task = { name: "matmul 4", op: "matmul", m: 4, k: 4, n: 4 } as const;
const large = { ...task, name: "matmul 8", m: 8 };

/** One whose program is a line of JavaScript. */
const program = (source: string, missing?: string) => ({
  name: "a peer",
  command: process.execPath,
  args: ["--input-type=module", "--eval", source, "--", "--threads", "2"],
  env: process.env,
  missing: () => missing,
});

const answers = `
  import { createInterface } from "node:readline";
  console.log(JSON.stringify({ peer: "a peer 1.0 " + process.argv.slice(1).join(" ") }));
  for await (const line of createInterface({ input: process.stdin })) {
    const { name, m } = JSON.parse(line);
    console.log(JSON.stringify(m === 4 ? { name, ms: 1.5, check: "[4,4]" } : { name, cannot: "too large" }));
  }
`;

let contestant: Contestant;
afterEach(() => contestant.close());

test("is asked one task after another, with its options", async () => {
  contestant = await Contestant.start(program(answers));
  expect(contestant.title).toBe("a peer 1.0 --threads 2");
  expect(await contestant.ask(task)).toMatchObject({ ms: 1.5, check: "[4,4]" });
  expect(await contestant.ask(large)).toBeUndefined();
  expect(await contestant.ask(task)).toMatchObject({ ms: 1.5 });
  expect(contestant.notes).toEqual(["a peer: too large: matmul 8"]);
});

test("many tasks that it cannot do for one reason make one note", async () => {
  contestant = await Contestant.start(program(answers));
  for (const name of ["a", "b", "c", "d", "a"]) await contestant.ask({ ...large, name });
  expect(contestant.notes).toEqual(["a peer: too large: 4 tasks"]);
});

test("one that is missing is not started", async () => {
  contestant = await Contestant.start(program("process.exit(3)", "not installed"));
  expect(contestant.running).toBe(false);
  expect(await contestant.ask(task)).toBeUndefined();
  expect(contestant.notes).toEqual(["a peer: not installed"]);
});

test("one that dies keeps what it said before", async () => {
  const dies = `
    console.log('{"peer":"a peer 1.0"}');
    process.stdin.once("data", () => {
      console.log('{"name":"matmul 4","ms":2}');
      process.stdin.once("data", () => process.exit(3));
    });`;
  contestant = await Contestant.start(program(dies));
  expect(await contestant.ask(task)).toMatchObject({ ms: 2 });
  expect(await contestant.ask(large)).toBeUndefined();
  expect(contestant.notes).toEqual(["a peer: it ended with exit code 3"]);
});

test("a program that does not exist leaves a note", async () => {
  contestant = await Contestant.start({ ...program(""), command: "/nonexistent/program" });
  expect(contestant.notes).toHaveLength(1);
  expect(contestant.notes[0]).toContain("ENOENT");
});
