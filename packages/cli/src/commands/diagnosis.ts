/** What this machine offers to compute on, found by trying it: the data behind `kindling doctor`. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus } from "node:os";
import { type AdapterReport, describeAdapters, KindlingError, tensor } from "@kindling/core";
import { withDevice } from "./device.js";

export interface Diagnosis {
  readonly node: { readonly version: string; readonly platform: string; readonly arch: string };
  readonly cpu: CpuDiagnosis;
  readonly webgpu: WebGpuDiagnosis;
  /** What `--device auto` takes, and why. */
  readonly auto: { readonly device: "cpu" | "webgpu"; readonly why: string };
}

export interface CpuDiagnosis {
  readonly model: string;
  readonly cores: number;
  /** Of WebAssembly in this Node: vectors, a fused multiply-add of vectors, memory that threads share. */
  readonly simd: boolean;
  readonly fusedMultiplyAdd: boolean;
  readonly sharedMemory: boolean;
  /** Why the device does not compute; absent where it does. */
  readonly problem?: string;
}

export interface WebGpuDiagnosis {
  /** Version of the npm package webgpu, through which Node reaches adapters; absent where it is not installed. */
  readonly package?: string;
  /** The best first. */
  readonly adapters: readonly AdapterReport[];
  /** The one that `--device webgpu` takes. */
  readonly taken?: AdapterReport;
  /** Why the device does not compute, and what to do; absent where it does. */
  readonly problem?: string;
}

/** Starts each device and computes something on it. */
export async function diagnose(): Promise<Diagnosis> {
  const { version, platform, arch } = process;
  const cpu = await diagnoseCpu();
  const webgpu = await diagnoseWebGpu();
  return { node: { version, platform, arch }, cpu, webgpu, auto: choiceOfAuto(webgpu.taken) };
}

/** Whether some device computes. */
export const isFit = ({ cpu, webgpu }: Diagnosis): boolean => !cpu.problem || !webgpu.problem;

async function diagnoseCpu(): Promise<CpuDiagnosis> {
  return {
    model: cpus().at(0)?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    simd: WebAssembly.validate(SIMD),
    fusedMultiplyAdd: WebAssembly.validate(RELAXED_MADD),
    sharedMemory: typeof SharedArrayBuffer !== "undefined",
    problem: await problemOf("cpu"),
  };
}

async function diagnoseWebGpu(): Promise<WebGpuDiagnosis> {
  const { adapters, problem } = await describeAdapters();
  const taken = adapters.find(({ software }) => !software) ?? adapters.at(0);
  return { package: packageVersion(), adapters, taken, problem: problem ?? (await problemOf("webgpu")) };
}

/** Version of the package as @kindling/core would load it. */
function packageVersion(): string | undefined {
  const require = createRequire(import.meta.resolve("@kindling/core"));
  try {
    return JSON.parse(readFileSync(require.resolve("webgpu/package.json"), "utf8")).version;
  } catch {
    return undefined;
  }
}

/** Why a device does not compute, if it does not. */
async function problemOf(device: "cpu" | "webgpu"): Promise<string | undefined> {
  try {
    return await withDevice({ device }, async () => {
      const values = Float32Array.from({ length: 100 }, (_, i) => i);
      const got = await tensor(values).square().sum().item();
      return got === SUM_OF_SQUARES ? undefined : `the squares of 0 … 99 add up to ${got}, not ${SUM_OF_SQUARES}`;
    });
  } catch (error) {
    if (error instanceof KindlingError) return error.message;
    throw error;
  }
}

const SUM_OF_SQUARES = 328_350;

function choiceOfAuto(taken: AdapterReport | undefined): Diagnosis["auto"] {
  if (!taken) return { device: "cpu", why: "there is no WebGPU adapter" };
  if (taken.software) return { device: "cpu", why: "the only WebGPU adapter is software, which is slower" };
  return { device: "webgpu", why: `${taken.name} is hardware` };
}

/** A WebAssembly module of one function: its type's bytes, its body's bytes. */
const moduleOf = (type: readonly number[], body: readonly number[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, type.length + 1, 1, ...type],
    ...[3, 2, 1, 0],
    ...[10, body.length + 2, 1, body.length, ...body],
  ]);

const [FUNC, V128, GET, I32_CONST, VECTOR, END] = [0x60, 0x7b, 0x20, 0x41, 0xfd, 0x0b];

/** () → i8x16.splat(0) */
const SIMD = moduleOf([FUNC, 0, 1, V128], [0, I32_CONST, 0, VECTOR, 0x0f, END]);

/** x → f32x4.relaxed_madd(x, x, x) */
const RELAXED_MADD = moduleOf([FUNC, 1, V128, 1, V128], [0, GET, 0, GET, 0, GET, 0, VECTOR, 0x85, 0x02, END]);
