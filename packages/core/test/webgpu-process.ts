/** Programs that tests run in a process of their own. */

import { execFile } from "node:child_process";

export interface Ended {
  /** Exit code, or the signal that ended it. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

const DIST = new URL("../dist", import.meta.url).href;

/** Prelude of the programs: a device that is started, and a plan that adds 1 to `n` elements. */
const PRELUDE = `
import { WebGpuDevice } from "${DIST}/webgpu/device.js";
const shader = (loops) => \`@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  var sum = x[id.x];
  for (var k = 0u; k < \${loops}u; k++) { sum = fract(sum + x[k % 64u]); }
  y[id.x] = sum + 1.0;
}\`;
const binding = (index) => ({ of: "kernel", index, piece: 0, writable: index === 1 });
const print = (kernel) => ({
  passes: [{ code: shader(kernel.inner[0]), bindings: [binding(0), binding(1)], uniforms: false, workgroups: [16, 1, 1] }],
  scratch: [],
});
const planOf = (loops) => ({
  key: "program", slots: [], externals: [4096, 4096], uniforms: 0,
  kernels: [{
    kernel: { kind: "loop", name: "loops", rows: [1024], inner: [loops], sources: [], stages: [] },
    buffers: [{ kind: "external", index: 0 }, { kind: "external", index: 1 }], flops: 0, bytes: 0,
  }],
});
const start = () => WebGpuDevice.start({}, print);
const begin = (device, loops) => {
  const [x, y] = [device.allocate(4096), device.allocate(4096, "activations")];
  device.upload(x, new Float32Array(1024), "float32");
  const plan = device.compile(planOf(loops));
  device.run(plan, [x, y], new Uint32Array(0));
  return { plan, x, y };
};
`;

/** Runs a program that begins with the prelude, for at most 30 seconds. */
export function runProgram(body: string, env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--expose-gc", "--input-type=module", "--eval", PRELUDE + body],
      { timeout: 30_000, env: { ...process.env, ...env } },
      (error, stdout, stderr) =>
        resolve({ code: error ? (error.signal ?? Number(error.code)) : 0, stdout: stdout.trim(), stderr }),
    );
    child.stdin?.end();
  });
}
