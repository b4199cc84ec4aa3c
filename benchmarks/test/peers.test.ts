// The protocol between the runner and its peers, with a peer of three lines.

import { expect, test } from "vitest";
import { runPeer } from "../dist/peers.js";

const task = { name: "matmul 4³", op: "matmul", m: 4, k: 4, n: 4 } as const;

/** A peer that is a line of JavaScript. */
const peer = (program: string, missing?: string) => ({
  name: "a peer",
  command: process.execPath,
  args: ["--input-type=module", "--eval", program, "--"],
  env: process.env,
  missing: () => missing,
});

const answers = `
  import { text } from "node:stream/consumers";
  console.log(JSON.stringify({ peer: "a peer 1.0 " + process.argv.slice(1).join(" ") }));
  for (const { name, m } of JSON.parse(await text(process.stdin)))
    console.log(JSON.stringify(m === 4 ? { name, ms: 1.5, check: "abc" } : { name, cannot: "too large" }));
`;

test("a peer is given the tasks, the runs and the threads, and its figures come back", async () => {
  const large = { ...task, name: "matmul 8³", m: 8 };
  const result = await runPeer(peer(answers), [task, large], 3, 2);
  expect(result.peer).toBe("a peer 1.0 --runs 3 --threads 2");
  expect([...result.ms]).toEqual([["matmul 4³", 1.5]]);
  expect([...result.checks]).toEqual([["matmul 4³", "abc"]]);
  expect(result.notes).toEqual(["matmul 8³: too large"]);
});

test("a peer that is missing is not started", async () => {
  const result = await runPeer(peer("process.exit(3)", "not installed"), [task], 3, 2);
  expect(result.notes).toEqual(["not installed"]);
  expect(result.ms.size).toBe(0);
});

test("a peer that dies leaves a note and what it said before", async () => {
  const dies = `console.log('{"name":"matmul 4³","ms":2}'); process.exitCode = 3;`;
  const result = await runPeer(peer(dies), [task], 3, 2);
  expect([...result.ms]).toEqual([["matmul 4³", 2]]);
  expect(result.notes).toEqual(["it ended with exit code 3"]);
});

test("a program that does not exist leaves a note", async () => {
  const result = await runPeer({ ...peer(""), command: "/nonexistent/program" }, [task], 3, 2);
  expect(result.notes).toHaveLength(1);
  expect(result.notes[0]).toContain("ENOENT");
});
