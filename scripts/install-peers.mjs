// Installs the frameworks that the benchmark runner times beside Kindling. The runner starts this; nothing else does.

import { join } from "node:path";
import { pnpm } from "./lib/pnpm.mjs";
import { root } from "./lib/process.mjs";

const { code } = await pnpm(["install", "--ignore-workspace", "--frozen-lockfile", "--prefer-offline"], {
  cwd: join(root, "benchmarks", "peers"),
});
process.exitCode = code;
