import { defineConfig } from "vitest/config";
import { testEnvironment } from "./scripts/lib/adapter.mjs";

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "benchmarks/test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
    // Tests of memory collect garbage before they measure.
    execArgv: ["--expose-gc"],
    // Where Dawn finds the adapter that tests take.
    env: testEnvironment(),
    // The built packages are loaded by Node itself, as a user's program loads them.
    server: { deps: { external: [/\/(packages\/[^/]+|benchmarks)\/dist\//] } },
  },
});
