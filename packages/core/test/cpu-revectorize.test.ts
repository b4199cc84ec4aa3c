import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

const FLAG = "--experimental-wasm-revectorize";
/** Where V8 has the flag and heeds it. */
const can = process.arch === "x64" && Number.parseInt(process.versions.v8, 10) >= 13;

/** What a process prints that was started with these options; it must not complain about them. */
function run(script: string, ...options: string[]): string {
  const code = `
    const { init, tensor } = await import(${JSON.stringify(import.meta.resolve("../dist/index.js"))});
    const { tileShapes } = await import(${JSON.stringify(import.meta.resolve("../dist/cpu/gemm-tile.js"))});
    const columns = () => tileShapes()[0].nr;
    ${script}`;
  const { stdout, stderr } = spawnSync(process.execPath, [...options, "--input-type=module", "-e", code], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  return stdout.trim();
}

describe("joining of vector operations", () => {
  it("is asked for by init, and never by an import or a device without the option", () => {
    const printed = run(`
      const before = columns();
      (await init({ device: "cpu", threads: 1 })).close();
      const plain = columns();
      const device = await init({ device: "cpu", threads: 1, revectorize: true });
      const x = tensor([[1, 2], [3, 4]]);
      console.log(before, plain, columns(), (await x.matmul(x).data()).join());
      device.close();`);
    expect(printed).toBe(`8 8 ${can ? 16 : 8} 7,10,15,22`);
  });

  it.runIf(can)("is noticed where Node was started with V8's flag", () => {
    expect(run("console.log(columns());", FLAG)).toBe("16");
    expect(run("console.log(columns());", FLAG.replaceAll("-", "_").replace("__", "--"))).toBe("16");
  });
});
