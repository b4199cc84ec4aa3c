/** Files of weights to serve, and folders to put them in. */

import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBytes } from "@kindling/checkpoint";
import { tensor } from "@kindling/core";
import { afterAll } from "vitest";

export interface Published {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/** A file of weights as PyTorch publishes them, about 200 kB, with the first digits of its hash in its name. */
export async function publish(title: string, seed = 1): Promise<Published> {
  const values = Float32Array.from({ length: 50_000 }, (_, i) => ((i * 2654435761 * seed) % 1000) / 1000);
  const bytes = await toBytes(new Map([["weight", tensor(values, { shape: [500, 100] })]]));
  const sha256 = hashOf(bytes);
  return { name: `${title}-${sha256.slice(0, 8)}.pth`, bytes, sha256 };
}

const root = mkdtempSync(join(tmpdir(), "kindling-hub-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** An empty folder that goes when the tests are over. */
export const temporaryFolder = (): string => mkdtempSync(join(root, "folder-"));

/** SHA-256 of what a file holds: all that need be compared. */
export const contentHash = (file: string | Blob): string => hashOf(readFileSync(file as string));

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** What lies in a folder. */
export const listing = (folder: string): string[] => readdirSync(folder).sort();
