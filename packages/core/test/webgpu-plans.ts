/** Hand-made kernels and plans for the tests of the webgpu device. */

import type { Kernel, Plan } from "../dist/kernel.js";
import type { KernelProgram, Pass, Printer } from "../dist/webgpu/program.js";
import { external, planOf, slot } from "./plans.js";

const printed = new Map<Kernel, KernelProgram>();

/** The printer of the tests' devices: gives what `kernelOf` was given. */
export const print: Printer = (kernel) => printed.get(kernel) as KernelProgram;

/** A kernel that prints as `program`; of what it says itself only the name and the size matter. */
export function kernelOf(name: string, size: number, program: KernelProgram): Kernel {
  const kernel: Kernel = { kind: "loop", name, rows: [size], inner: [], sources: [], stages: [] };
  printed.set(kernel, program);
  return kernel;
}

export const read = (index: number, piece = 0) => ({ of: "kernel", index, piece, writable: false }) as const;
export const write = (index: number, piece = 0) => ({ of: "kernel", index, piece, writable: true }) as const;
export const readScratch = (index: number) => ({ of: "scratch", index, piece: 0, writable: false }) as const;
export const writeScratch = (index: number) => ({ of: "scratch", index, piece: 0, writable: true }) as const;

export const programOf = (passes: readonly Pass[], scratch: readonly number[] = []): KernelProgram => ({
  passes,
  scratch,
});

/** The body of a shader, once for each of `n` invocations `i`. */
export const shader = (bindings: string, n: number, body: string): string => `${bindings}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  if (i >= ${n}u) { return; }
  ${body}
}`;

export const workgroups = (n: number): [number, number, number] => [Math.ceil(n / 64), 1, 1];

/** y[i] = scale · x[(i + shift) mod n] + 1. `scale` is uniform 0. */
export const shiftPass = (n: number, shift: number): Pass => ({
  code: shader(
    `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> uniforms: array<vec4<u32>, 1>;`,
    n,
    `y[i] = bitcast<f32>(uniforms[0].x) * x[(i + ${shift}u) % ${n}u] + 1.0;`,
  ),
  bindings: [read(0), write(1)],
  uniforms: true,
  workgroups: workgroups(n),
});

/** Calls a function that there is none of. */
export const brokenPass = (n: number): Pass => ({
  code: shader(`@group(0) @binding(0) var<storage, read_write> y: array<f32>;\n`, n, "y[i] = nothing(1.0);"),
  bindings: [write(0)],
  uniforms: false,
  workgroups: workgroups(n),
});

/** y = x backwards, both of them in three pieces. */
export function piecewisePass(n: number, piece: number): Pass {
  const names = ["x0", "x1", "x2", "y0", "y1", "y2"];
  const bindings = names.map((name, i) => {
    const access = name.startsWith("x") ? "read" : "read_write";
    return `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<f32>;`;
  });
  const body = `var value: f32;
  let j = ${n - 1}u - i;
  switch (j / ${piece}u) {
    case 0u: { value = x0[j % ${piece}u]; }
    case 1u: { value = x1[j % ${piece}u]; }
    default: { value = x2[j % ${piece}u]; }
  }
  switch (i / ${piece}u) {
    case 0u: { y0[i % ${piece}u] = value; }
    case 1u: { y1[i % ${piece}u] = value; }
    default: { y2[i % ${piece}u] = value; }
  }`;
  return {
    code: shader(bindings.join("\n"), n, body),
    bindings: [read(0, 0), read(0, 1), read(0, 2), write(1, 0), write(1, 1), write(1, 2)],
    uniforms: false,
    workgroups: workgroups(n),
  };
}

/** y = (x + 1) · (x + 2), the factors by way of two slots that one kernel writes and one reads. */
export function productOfSlots(n: number): Plan {
  const shaderOf = (accesses: readonly string[], body: string): string =>
    shader(
      accesses
        .map((access, b) => `@group(0) @binding(${b}) var<storage, ${access}> ${"abc"[b]}: array<f32>;`)
        .join("\n"),
      n,
      body,
    );
  const rest = { uniforms: false, workgroups: workgroups(n) };
  const factors: Pass = {
    code: shaderOf(["read", "read_write", "read_write"], "b[i] = a[i] + 1.0; c[i] = a[i] + 2.0;"),
    bindings: [read(0), write(1), write(2)],
    ...rest,
  };
  const product: Pass = {
    code: shaderOf(["read", "read", "read_write"], "c[i] = a[i] * b[i];"),
    bindings: [read(0), read(1), write(2)],
    ...rest,
  };
  return planOf(
    [
      [kernelOf("factors", n, programOf([factors])), [external(0), slot(0), slot(1)]],
      [kernelOf("product", n, programOf([product])), [slot(0), slot(1), external(1)]],
    ],
    {
      slots: [0, 1].map(() => ({ bytes: 4 * n, first: 0, last: 1 })),
      externals: [4 * n, 4 * n],
    },
  );
}

/** One kernel of two passes: y = (x + 1) + 1, by way of scratch. */
export function copyThroughScratch(n: number): Plan {
  const code = shader(
    `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;`,
    n,
    "y[i] = x[i] + 1.0;",
  );
  const pass = (bindings: Pass["bindings"]): Pass => ({ code, bindings, uniforms: false, workgroups: workgroups(n) });
  const kernel = kernelOf(
    "twice",
    n,
    programOf([pass([read(0), writeScratch(0)]), pass([readScratch(0), write(1)])], [n]),
  );
  return planOf([[kernel, [external(0), external(1)]]], { externals: [4 * n, 4 * n] });
}

/** Shifts one after another from external 0 to external 1, each by a slot of its own. */
export function chain(n: number, shifts: readonly number[]): Plan {
  const last = shifts.length - 1;
  return planOf(
    shifts.map((shift, i) => [
      kernelOf(`shift ${shift}`, n, programOf([shiftPass(n, shift)])),
      [i === 0 ? external(0) : slot(i - 1), i === last ? external(1) : slot(i)],
    ]),
    {
      slots: shifts.slice(1).map((_, i) => ({ bytes: 4 * n, first: i, last: i + 1 })),
      externals: [4 * n, 4 * n],
      uniforms: 1,
    },
  );
}
