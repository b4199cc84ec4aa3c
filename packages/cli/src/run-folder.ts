/**
 * The folder of a run: what training leaves behind and `predict` needs. Every file is written whole or not at all.
 */

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { save } from "@kindling/checkpoint";
import type { Module } from "@kindling/nn";
import writeFileAtomic from "write-file-atomic";
import { drawCurves } from "./curves.js";
import { UsageError } from "./errors.js";
import type { Preprocessing } from "./recipe.js";

/** One finished epoch. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  readonly trainLoss: number;
  readonly valLoss: number;
  /** 0 … 1. */
  readonly valAccuracy: number;
  readonly seconds: number;
}

/** What `predict` must know about the network; `config.json`. */
export interface RunConfig {
  readonly model: string;
  readonly preprocessing: Preprocessing;
  /** The options that the run was started with, for people. */
  readonly options: Readonly<Record<string, unknown>>;
}

export interface Run {
  readonly config: RunConfig;
  /** Names of the classes, index = label. */
  readonly classes: readonly string[];
}

const FILES = {
  model: "model.pth",
  classes: "classes.json",
  history: "history.json",
  config: "config.json",
  curves: "curves.svg",
} as const;

/** Makes the folder of a run, and finds out whether files can be written into it. */
export async function openRunFolder(path: string): Promise<RunFolder> {
  const probe = join(path, `.probe-${randomBytes(6).toString("hex")}`);
  try {
    await makeFolder(resolve(path));
    await writeFile(probe, "");
    await rm(probe);
  } catch (cause) {
    throw new UsageError(`--out ${path} cannot be written: ${reason(cause)}. Choose another folder`, { cause });
  }
  return new RunFolder(path);
}

/** Makes a folder and its parents one by one: Node's own recursion never ends where nothing can be made, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await stat(path)).isDirectory()) return;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path);
  }
}

export class RunFolder {
  constructor(readonly path: string) {}

  /** Whether a model stands there, of this run or an earlier one. */
  get hasModel(): boolean {
    return existsSync(join(this.path, FILES.model));
  }

  /** Writes everything; the state dict first, so that an interrupted write leaves a folder that loads. */
  async write(model: Module, { config, classes }: Run, history: readonly EpochRecord[]): Promise<void> {
    await save(model.stateDict(), join(this.path, FILES.model));
    await this.#text(FILES.classes, json(classes));
    await this.#text(FILES.config, json(config));
    await this.#text(FILES.history, json(history));
    await this.#text(FILES.curves, drawCurves(history));
  }

  async #text(name: string, text: string): Promise<void> {
    const path = join(this.path, name);
    try {
      await writeFileAtomic(path, text);
    } catch (cause) {
      throw new UsageError(`${path} cannot be written: ${reason(cause)}`, { cause });
    }
  }
}

/** A run that training left behind. @throws UsageError that says which file is missing or damaged */
export async function readRun(path: string): Promise<Run & { readonly weights: string }> {
  const config = (await readJson(path, FILES.config)) as Partial<RunConfig> | null;
  const classes = await readJson(path, FILES.classes);
  if (typeof config?.model !== "string" || typeof config.preprocessing?.size !== "number")
    throw new UsageError(`${join(path, FILES.config)} names no model and no size of pictures; train the model again`);
  if (!Array.isArray(classes) || classes.length === 0 || !classes.every((name) => typeof name === "string"))
    throw new UsageError(`${join(path, FILES.classes)} is no list of class names`);
  return { config: config as RunConfig, classes, weights: join(path, FILES.model) };
}

async function readJson(folder: string, name: string): Promise<unknown> {
  const path = join(folder, name);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new UsageError(
      `${path} cannot be read: ${reason(cause)}. Give a folder that kindling finetune has written, e.g. --checkpoint runs/mine`,
      { cause },
    );
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${path} is no JSON: ${reason(cause)}`, { cause });
  }
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
