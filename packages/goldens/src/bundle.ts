/**
 * `node packages/goldens/dist/bundle.js <set>`: copies a small part of a fixture set into `packages/goldens/fixtures`,
 * so that the repository passes its own tests where the full set is not at hand.
 */

import { cpSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Files that are gzipped on the way. */
const PACKED = ["ops", "optim", "transforms"]
  .flatMap((name) => [`ops/${name}.json`, `ops/${name}.safetensors`])
  .concat("ops/schedulers.json");

/** Files that are copied: one model of each kind, forward, backward and training. */
const COPIED = [
  "models/mobilenet_v3_small",
  "models/resnet18",
  "models/resnet50",
  "models/resnext50_32x4d",
  "models/shufflenet_v2_x0_5",
  "models/shufflenet_v2_x1_0@224",
  "grads/resnet34",
  "grads/shufflenet_v2_x0_5",
  "train/mobilenet_v3_small",
  "train/resnet18",
  "train/resnet18_frozen_fc4",
  "train/shufflenet_v2_x1_0",
].map((name) => `${name}.json.gz`);

/** The largest `.pth` that is copied, in bytes. */
const LARGEST_PTH = 500_000;

const set = process.argv[2];
const target = fileURLToPath(new URL("../fixtures", import.meta.url));
if (!set) throw new Error("usage: bundle.js <directory of the full fixture set>");

const write = (file: string, bytes: string | Uint8Array): void => {
  mkdirSync(dirname(join(target, file)), { recursive: true });
  writeFileSync(join(target, file), bytes);
};

rmSync(target, { recursive: true, force: true });
for (const file of PACKED) write(`${file}.gz`, gzipSync(readFileSync(join(set, file)), { level: 9 }));
for (const file of COPIED) write(file, readFileSync(join(set, file)));

const expected = JSON.parse(readFileSync(join(set, "pth/expected.json"), "utf8")) as { files: { file: string }[] };
const files = expected.files.filter(({ file }) => statSync(join(set, "pth", file)).size <= LARGEST_PTH);
// JSON.stringify writes -0 as 0, which is another value to a reader of pickles.
const keepSign = (_: string, value: unknown): unknown => (Object.is(value, -0) ? "negative zero" : value);
write("pth/expected.json", JSON.stringify({ ...expected, files }, keepSign).replaceAll('"negative zero"', "-0.0"));
for (const { file } of files) cpSync(join(set, "pth", file), join(target, "pth", file));

symlinkSync("../../../examples/finetune-sample", join(target, "finetune-sample"));
