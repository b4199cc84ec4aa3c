/** Hand-made kernels and plans for the tests of the cpu device, and what they compute, in JavaScript. */

import { type CpuAddress, type CpuCode, type CpuKernel, type CpuStage, oneStage } from "../dist/cpu/kernel.js";
import { f32, i32, type Operand, select, WasmModule } from "../dist/cpu/wasm/index.js";
import { expr } from "../dist/expr.js";
import type { Kernel, Plan, Stage } from "../dist/kernel.js";
import { external, planOf, slot } from "./plans.js";

/** y[i] = scale · x[(i + shift) mod n] + 1, in tasks of `grain` elements. `scale` is uniform 0. */
export interface ShiftSpec {
  readonly n: number;
  readonly shift: number;
  readonly grain: number;
}

const shiftCode: CpuCode = {
  key: "test-shift",
  assemble(shared) {
    const module = new WasmModule({ shared });
    module.func("run", ["i32", "i32", "i32", "i32"], "void", (f, params, begin, end, scratch) => {
      const [x, y, n, shift, grain] = [0, 4, 8, 12, 16].map((offset) => f.let(i32.load(params, offset)));
      const scale = f.let(f32.load(params, 20));
      f.for(begin, end, 1, (task) => {
        const first = f.let(i32.mul(task, grain));
        const left = f.let(i32.sub(n, first));
        const count = f.let(select(left, grain, i32.ltS(left, grain)));
        const at = (base: Operand<"i32">, i: Operand<"i32">) => i32.add(base, i32.shl(i, 2));
        // By way of this thread's scratch, where no other thread must write meanwhile.
        f.for(0, count, 1, (i) => {
          const from = i32.remU(i32.add(i32.add(first, i), shift), n);
          f.store("f32", at(scratch, i), f32.mul(f32.load(at(x, from)), scale));
        });
        f.for(0, count, 1, (i) => f.store("f32", at(y, i32.add(first, i)), f32.add(f32.load(at(scratch, i)), 1)));
      });
    });
    return module.bytes();
  },
};

type Place = Omit<CpuAddress, "word">;
const start = (buffer: Place["buffer"]): Place => ({ buffer, byteOffset: 0 });

/** x is buffer 0 and y is buffer 1, if not said otherwise. */
export const shiftStage = ({ n, shift, grain }: ShiftSpec, x = start(0), y = start(1)): CpuStage => ({
  code: shiftCode,
  tasks: Math.ceil(n / grain),
  params: Int32Array.of(0, 0, n, shift, grain, 0),
  addresses: [
    { word: 0, ...x },
    { word: 1, ...y },
  ],
  uniforms: [{ word: 5, slot: 0 }],
  scratch: 4 * grain,
});

/** Shifts one after another from buffer 0 to buffer 1, each a stage, by way of two places in the workspace. */
export function stagedShifts(n: number, shifts: readonly number[], grain: number): CpuKernel {
  const last = shifts.length - 1;
  const between = (i: number): Place => ({ buffer: "workspace", byteOffset: 4 * n * (i % 2) });
  return {
    stages: shifts.map((shift, i) =>
      shiftStage({ n, shift, grain }, i === 0 ? start(0) : between(i - 1), i === last ? start(1) : between(i)),
    ),
    workspace: 8 * n,
  };
}

/** Two shifts, of which the first goes to memory that may be kept. It begins with element `first` of buffer 0. */
export const preparedShifts = (n: number, shifts: readonly [number, number], grain: number, first = 0): CpuKernel => ({
  stages: [
    shiftStage({ n, shift: shifts[0], grain }, { buffer: 0, byteOffset: 4 * first }, start("prepared")),
    shiftStage({ n, shift: shifts[1], grain }, start("prepared"), start(1)),
  ],
  workspace: 0,
  prepared: { buffer: 0, bytes: 4 * n },
});

/** Reads far outside of any memory that a test has. */
export const trappingStage: CpuStage = {
  code: {
    key: "test-trap",
    assemble(shared) {
      const module = new WasmModule({ shared });
      module.func("run", ["i32", "i32", "i32", "i32"], "void", (f, params) => {
        f.store("i32", params, i32.load(-64));
      });
      return module.bytes();
    },
  },
  tasks: 8,
  params: Int32Array.of(0),
  addresses: [],
  uniforms: [],
  scratch: 0,
};

/** Never ends. */
export const endlessStage: CpuStage = {
  ...trappingStage,
  code: {
    key: "test-endless",
    assemble(shared) {
      const module = new WasmModule({ shared });
      module.func("run", ["i32", "i32", "i32", "i32"], "void", (f) => f.loop((again) => f.br(again)));
      return module.bytes();
    },
  },
};

/** Code that is no WebAssembly. */
export const brokenStage: CpuStage = {
  ...trappingStage,
  code: { key: "test-broken", assemble: () => Uint8Array.of(0, 0x61, 0x73, 0x6d, 9, 9, 9, 9) },
};

const printed = new Map<Kernel, CpuKernel>();

/** The printer of the tests' devices: gives what `kernelOf` was given. */
export const print = (kernel: Kernel): CpuKernel => printed.get(kernel) as CpuKernel;

/** A kernel that prints as `cpu`; of what it says itself only the buffers that it writes matter. */
export function kernelOf(name: string, cpu: CpuKernel, writes: readonly number[] = []): Kernel {
  const stages = writes.map((buffer): Stage => {
    const target = { buffer, dtype: "float32", offset: 0, strides: [], bounds: [], indirect: [] } as const;
    return { kind: "store", per: "row", target, value: expr("const", "f32", [], 0) };
  });
  const kernel: Kernel = { kind: "loop", name, rows: [], inner: [], sources: [], stages };
  printed.set(kernel, cpu);
  return kernel;
}

/** Shifts one after another from external 0 to external 1, by way of two slots. */
export function chain(n: number, shifts: readonly number[], grain: number): Plan {
  const last = shifts.length - 1;
  return planOf(
    shifts.map((shift, i) => [
      kernelOf(`shift ${shift}`, oneStage(shiftStage({ n, shift, grain }))),
      [i === 0 ? external(0) : slot((i + 1) % 2), i === last ? external(1) : slot(i % 2)],
    ]),
    { slots: [0, 1].map(() => ({ bytes: 4 * n, first: 0, last })), externals: [4 * n, 4 * n], uniforms: 1 },
  );
}
