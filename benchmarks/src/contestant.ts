// Those that answer tasks: Kindling on some engine, or another framework. Each is a process of its own, which is asked one
// task after another by the protocol of ../peers/tasks.d.ts.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Answer, AnswerLine, PeerTask } from "../peers/tasks.js";

/** How to start one. */
export interface Program {
  /** Its short name, under which targets know it. */
  name: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Why it cannot run here, or undefined where it can; may install what it needs. */
  missing?(): string | undefined;
}

/** One of them, running until it is closed or ends by itself. */
export class Contestant {
  readonly name: string;
  /** Framework or engine, version, settings: what it said of itself. */
  title: string;
  /** Why it has no figures, or no more. */
  failure: string | undefined;
  /** Why tasks have no figure: their names by the reason. */
  readonly #refusals = new Map<string, string[]>();
  #child: ChildProcess | undefined;
  #lines: AsyncIterator<string> | undefined;
  #ended: Promise<string> | undefined;

  private constructor(name: string) {
    this.name = this.title = name;
  }

  /** Never throws: one that is not there, or does not start, leaves a note and answers nothing. */
  static async start({ name, command, args, env, missing }: Program): Promise<Contestant> {
    const contestant = new Contestant(name);
    const reason = missing?.();
    if (reason !== undefined) contestant.failure = reason;
    else await contestant.#spawn(command, args, env);
    return contestant;
  }

  async #spawn(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<void> {
    const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.on("error", () => {}); // It ended without reading: its exit code says so.
    this.#ended = new Promise((resolve) => {
      child.on("error", (error) => resolve(error.message));
      child.on("close", (code) => resolve(`it ended with exit code ${code}`));
    });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = await this.#read();
    if (line && "peer" in line) this.title = line.peer;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Its answer; undefined where it has none, of which a note tells. */
  async ask(task: PeerTask): Promise<Answer | undefined> {
    if (!this.running) return undefined;
    this.#child?.stdin?.write(`${JSON.stringify(task)}\n`);
    const line = await this.#read();
    if (line && "cannot" in line) this.#refuse(line.cannot, line.name);
    return line && "ms" in line ? line : undefined;
  }

  #refuse(reason: string, task: string): void {
    const tasks = this.#refusals.get(reason) ?? [];
    if (!tasks.includes(task)) this.#refusals.set(reason, [...tasks, task]);
  }

  /** What is to be said beside its figures. */
  get notes(): string[] {
    const refusals = [...this.#refusals].map(
      ([reason, tasks]) => `${reason}: ${tasks.length > 3 ? `${tasks.length} tasks` : tasks.join(", ")}`,
    );
    return [...(this.failure === undefined ? [] : [this.failure]), ...refusals].map((note) => `${this.name}: ${note}`);
  }

  async #read(): Promise<AnswerLine | undefined> {
    const { value, done } = await this.#lines!.next();
    if (!done) return JSON.parse(value) as AnswerLine;
    this.failure = await this.#ended;
    this.#child = undefined;
    return undefined;
  }

  /** Lets the process end. */
  async close(): Promise<void> {
    this.#child?.stdin?.end();
    await this.#ended;
    this.#child = undefined;
  }
}
