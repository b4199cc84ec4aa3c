/** What is fuzzed: for each format, how a file is made of the fuzzer's bytes, what is done to it, and what must hold. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { deflateRawSync } from "node:zlib";
import { CheckpointError, inspect, load, loadSafetensors, toBytes, toSafetensorsBytes } from "@kindling/checkpoint";
import { fromHost } from "@kindling/core";
import { platform as browser } from "../../dist/platform/browser.js";
import { platform as node } from "../../dist/platform/node.js";
import { zipArchive } from "../../dist/zip/writer.js";
import { ascii, join, mutateBytes } from "./bytes.js";
import { fingerprint } from "./fingerprint.js";
import { mutateJson, mutateSafetensors } from "./json.js";
import { mutatePickle, VALUES } from "./pickle.js";
import type { Random } from "./random.js";
import { mutateZip, repairChecksums, ZIP_WORDS } from "./zip.js";

export interface Target {
  /** What it begins with where there is no corpus yet. */
  seeds(): Promise<Uint8Array[]>;
  /** A changed copy; `other` is another input, to take parts from. */
  mutate(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array;
  /** Throws anything but a `CheckpointError` where an invariant does not hold. */
  run(bytes: Uint8Array): Promise<void>;
}

/** Small, so that what exceeds them shows: with them no input may take more than some tens of megabytes. */
export const LIMITS = { maxTensorBytes: 2 ** 20, maxObjectBytes: 2 ** 22, maxDepth: 100 };

/** A broken promise of the reader. */
export class Broken extends Error {
  override name = "Broken";
}

/** The value of a promise, or undefined where it is refused as it should be. */
async function accepted<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof CheckpointError) return undefined;
    throw error;
  }
}

/** Loads a file of torch; what is loaded is listed by `inspect` too, and survives saving. */
async function checkLoad(bytes: Uint8Array): Promise<void> {
  const value = await accepted(load(bytes, LIMITS));
  await accepted(inspect(bytes, LIMITS));
  if (value === undefined) return;
  const saved = await accepted(toBytes(value));
  if (saved === undefined) return;
  const before = fingerprint(value);
  const after = fingerprint(await load(saved));
  if (after !== before) throw new Broken(`saved and loaded again, ${before} became ${after}`);
}

const fixture = (name: string): Uint8Array => readFileSync(new URL(`../../test/fixtures/${name}`, import.meta.url));

const FLOATS = new Uint8Array(Float32Array.from({ length: 16 }, (_, i) => i).buffer);
const BYTES = Uint8Array.from({ length: 64 }, (_, i) => i);

/** An archive of torch with the given pickle and two storages. */
async function archiveOf(program: Uint8Array): Promise<Uint8Array> {
  const members = { "data.pkl": program, "data/0": FLOATS, "data/1": BYTES };
  const parts: Uint8Array[] = [];
  for await (const part of zipArchive(
    Object.entries(members).map(([name, bytes]) => ({ name: `archive/${name}`, data: () => bytes })),
  ))
    parts.push(part);
  return join(...parts);
}

const pickle: Target = {
  seeds: async () => VALUES.map((value) => ascii(`${value}.`)),
  mutate: mutatePickle,
  run: async (program) => checkLoad(await archiveOf(program)),
};

const zip: Target = {
  seeds: async () => [
    ...["made/plain.zip.pth", "made/deflated.zip.pth", "made/trailing_comment.zip.pth", "made/big_endian.zip.pth"].map(
      fixture,
    ),
    await toBytes({ w: fromHost(Float32Array.of(1, 2, 3), [3]), name: "x" }),
  ],
  mutate: (bytes, random, other) => {
    const changed = mutateZip(bytes, random, other);
    return random.chance(0.7) ? repairChecksums(changed) : changed;
  },
  run: checkLoad,
};

const legacy: Target = {
  seeds: async () =>
    ["made/plain.legacy.pth", "values/list_of_tensors.legacy.pth", "objects/module.legacy.pth"].map(fixture),
  mutate: mutatePickle,
  run: checkLoad,
};

/** Loads a safetensors file: what is accepted is listed the same, and survives saving. */
async function checkSafetensors(bytes: Uint8Array): Promise<void> {
  const loaded = await accepted(loadSafetensors(bytes, LIMITS));
  await accepted(inspect(bytes, LIMITS));
  if (loaded === undefined) return;
  const saved = await accepted(toSafetensorsBytes(loaded));
  if (saved === undefined) return;
  const again = await loadSafetensors(saved);
  const [before, after] = [loaded, again].map((dict) => fingerprint([...dict].sort(([a], [b]) => (a < b ? -1 : 1))));
  if (after !== before) throw new Broken(`saved and loaded again, ${before} became ${after}`);
}

const safetensors: Target = {
  seeds: async () => [
    await toSafetensorsBytes({ w: fromHost(Float32Array.of(1, 2, 3), [3]), n: fromHost(BigInt64Array.of(1n), []) }),
    await toSafetensorsBytes({ e: fromHost(new Uint8Array(0), [0, 2]) }, { metadata: { format: "pt" } }),
  ],
  mutate: mutateSafetensors,
  run: checkSafetensors,
};

/** A folder with one shard; the fuzzer writes the index beside it. */
const folder = mkdtempSync(joinPath(tmpdir(), "kindling-fuzz-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const index: Target = {
  seeds: async () => [ascii('{"metadata":{"total_size":4},"weight_map":{"w":"a.safetensors"}}')],
  mutate: mutateJson,
  run: async (bytes) => {
    const shard = joinPath(folder, "a.safetensors");
    if (!existsSync(shard)) writeFileSync(shard, await toSafetensorsBytes({ w: fromHost(Float32Array.of(1), [1]) }));
    const path = joinPath(folder, "model.safetensors.index.json");
    writeFileSync(path, bytes);
    const loaded = await accepted(loadSafetensors(path, LIMITS));
    if (loaded && [...loaded.keys()].some((name) => name !== "w")) throw new Broken("a tensor that no shard holds");
  },
};

/** The two inflaters, of Node and of browsers, must agree on every stream and size: a byte of size, then the stream. */
const inflate: Target = {
  seeds: async () =>
    [0, 3, 200].map((length) => join(Uint8Array.of(length), deflateRawSync(new Uint8Array(length).fill(7)))),
  mutate: (bytes, random, other) => mutateBytes(bytes, random, ZIP_WORDS, other),
  run: async (bytes) => {
    const [size = 0, ...stream] = bytes;
    const compressed = Uint8Array.from(stream);
    const [a, b] = await Promise.all(
      [node, browser].map((platform) => platform.inflateRaw(compressed, size).then(String, () => "refused")),
    );
    if (a !== b) throw new Broken(`Node: ${a}, browsers: ${b}`);
  },
};

export const TARGETS: ReadonlyMap<string, Target> = new Map(
  Object.entries({ pickle, zip, legacy, safetensors, index, inflate }),
);
