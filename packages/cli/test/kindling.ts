/** Runs the command as a user does, on small folders of pictures that tell themselves apart by colour. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { save } from "@kindling/checkpoint";
import { io, models } from "@kindling/vision";
import { afterAll } from "vitest";

const bin = fileURLToPath(new URL("../bin/kindling.js", import.meta.url));

/** Where this file's tests write; removed at the end. */
export const temporary = mkdtempSync(join(tmpdir(), "kindling-cli-"));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

let paths = 0;

/** A path that nothing is at yet. */
export const fresh = (name = "path"): string => join(temporary, `${name}${paths++}`);

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `kindling`; `outcome` waits for its end. */
export function start(...args: string[]): { child: ChildProcess; outcome: Promise<Outcome> } {
  const child = spawn(process.execPath, [bin, ...args], { cwd: temporary, stdio: ["ignore", "pipe", "pipe"] });
  const read = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text) => {
      read[name] += text;
    });
  const outcome = new Promise<Outcome>((resolve) => child.on("close", (code) => resolve({ code, ...read })));
  return { child, outcome };
}

export const kindling = (...args: string[]): Promise<Outcome> => start(...args).outcome;

/** A picture of one colour with noise of its own, by number. */
async function picture([red, green, blue]: readonly number[], number: number): Promise<Uint8Array> {
  const pixels = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => {
    const noise = (i * 37 + number * 101) % 40;
    return [red, green, blue][i % 3] + noise;
  });
  return io.encodePng(new io.Image(pixels, 8, 8, 3));
}

const COLORS = { red: [200, 20, 20], green: [20, 200, 20], blue: [20, 20, 200] } as const;
export type Color = keyof typeof COLORS;

/** A folder; "red/4" in `parts` puts four red pictures into the class folder red. */
export async function folder(...parts: string[]): Promise<string> {
  const root = fresh("pictures");
  mkdirSync(root);
  for (const part of parts) {
    const [path, count] = [dirname(part), Number(part.slice(part.lastIndexOf("/") + 1))];
    mkdirSync(join(root, path), { recursive: true });
    const color = COLORS[path.slice(path.lastIndexOf("/") + 1) as Color];
    for (let i = 0; i < count; i++) writeFileSync(join(root, path, `${i}.png`), await picture(color, i));
  }
  return root;
}

/** Two classes, divided. */
export const divided = (): Promise<string> => folder("train/red/10", "train/blue/10", "val/red/4", "val/blue/4");

export const MODEL = "shufflenet_v2_x0_5";

/** Weights for six classes, as a pretrained network would have. */
export async function weights(): Promise<string> {
  const path = fresh("weights.pth");
  await save(models.getModel(MODEL, { numClasses: 6 }).stateDict(), path);
  return path;
}

/** Options of a run that takes seconds. */
export const quick = (out: string): string[] => [
  ...["--model", MODEL, "--size", "32", "--batch-size", "8", "--epochs", "1", "--freeze", "--out", out],
];

export const readJson = (...path: string[]): unknown => JSON.parse(readFileSync(join(...path), "utf8"));
