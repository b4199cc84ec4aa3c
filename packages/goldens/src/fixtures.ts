/** Finds a set of fixtures and reads its files: JSON (plain or gzipped) and safetensors. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { parseSafetensors, type Stored } from "./stored.js";

const package_ = fileURLToPath(new URL("..", import.meta.url));

/** `KINDLING_FIXTURES`, else the full set beside the repository, else the small one inside this package. */
export function fixtureDirectory(): string {
  const named = process.env.KINDLING_FIXTURES;
  if (named) {
    if (!existsSync(named)) throw new Error(`KINDLING_FIXTURES=${named}: no such directory`);
    return resolve(named);
  }
  const beside = resolve(package_, "../../../shared/fixtures");
  return existsSync(beside) ? beside : join(package_, "fixtures");
}

/** The file itself or its gzipped form, whichever the set has; undefined where it has neither. */
function locate(path: string): string | undefined {
  return [path, `${path}.gz`].find((candidate) => existsSync(candidate));
}

/** Whether the set has a file (plain or gzipped). */
export const hasFile = (path: string): boolean => locate(path) !== undefined;

/** A file's bytes, unpacked if it is gzipped. */
export function readBytes(path: string): Uint8Array<ArrayBuffer> {
  const found = locate(path);
  if (!found) throw new Error(`the fixtures have no ${path}`);
  const bytes = readFileSync(found);
  return Uint8Array.from(found.endsWith(".gz") ? gunzipSync(bytes) : bytes);
}

/** A JSON file of the set. */
export function readJson<T>(path: string): T {
  return JSON.parse(new TextDecoder().decode(readBytes(path))) as T;
}

/** Names (`resnet18@224`) of the JSON fixtures in a folder of the set, sorted. */
export function fixtureNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => /\.json(\.gz)?$/.test(file));
  return files.map((file) => file.replace(/\.json(\.gz)?$/, "")).sort();
}

/** The tensors of a safetensors file of the set, by name. */
export const readSafetensors = (path: string): Map<string, Stored> => parseSafetensors(readBytes(path), path);
