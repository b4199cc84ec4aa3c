// torchvision's networks as ONNX models: written by PyTorch itself, once, and kept among the system's temporary files.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = join(tmpdir(), "kindling-onnx");
const program = fileURLToPath(new URL("export_onnx.py", import.meta.url));

/**
 * The file of the model. Throws where there is no PyTorch to write it.
 *
 * @type {(task: import("./tasks.d.ts").NetworkTask) => string}
 */
export function networkFile({ model, batch, size }) {
  const path = join(folder, `${model}-${batch}x${size}.onnx`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  execFileSync("/usr/bin/python3", [program, model, String(batch), String(size), path], { stdio: "ignore" });
  return path;
}
