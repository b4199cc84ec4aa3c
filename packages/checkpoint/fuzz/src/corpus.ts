/** The inputs that are kept: files named by what they hold, in a folder for each target. */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Inputs that together cover what the fuzzer has covered, and one for each mistake that was found. */
export const corpusFolder = (target: string): string => join(root, "corpus", target);

/** Inputs that broke a promise in this working copy. */
export const findingsFolder = join(root, "findings");

export const nameOf = (bytes: Uint8Array): string => createHash("sha1").update(bytes).digest("hex").slice(0, 16);

/** The inputs of a folder, by name; none where there is no folder. */
export function readInputs(folder: string): Map<string, Uint8Array> {
  if (!existsSync(folder)) return new Map();
  return new Map(
    readdirSync(folder)
      .sort()
      .map((name) => [name, Uint8Array.from(readFileSync(join(folder, name)))]),
  );
}

export function writeInput(folder: string, bytes: Uint8Array, name = nameOf(bytes)): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** Replaces what the fuzzer has put there by the given inputs; files with an extension are kept: they are for people. */
export function replaceInputs(folder: string, inputs: Iterable<Uint8Array>): void {
  for (const name of readInputs(folder).keys()) if (/^[0-9a-f]{16}$/.test(name)) rmSync(join(folder, name));
  for (const bytes of inputs) writeInput(folder, bytes);
}
