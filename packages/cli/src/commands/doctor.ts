/** `kindling doctor`: what computes here, and what to install so that more does. */

import type { AdapterReport } from "@kindling/core";
import { bytes, table, whole } from "../format.js";
import { type CpuDiagnosis, type Diagnosis, diagnose, isFit, type WebGpuDiagnosis } from "./diagnosis.js";

export async function doctorCommand({ json }: { readonly json: boolean }): Promise<number> {
  const diagnosis = await diagnose();
  console.log(json ? JSON.stringify(diagnosis, undefined, 2) : report(diagnosis));
  return isFit(diagnosis) ? 0 : 1;
}

function report({ node, cpu, webgpu, auto }: Diagnosis): string {
  return [
    `node      ${node.version} on ${node.platform} ${node.arch}`,
    ...cpuLines(cpu),
    ...webGpuLines(webgpu),
    `auto      takes ${auto.device}: ${auto.why}`,
  ].join("\n");
}

function cpuLines({ model, cores, simd, fusedMultiplyAdd, sharedMemory, problem }: CpuDiagnosis): string[] {
  const offers = [
    `${simd ? "SIMD" : "no SIMD"}${simd && !fusedMultiplyAdd ? " without fused multiply-add (from Node 22 on)" : ""}`,
    sharedMemory ? "shared memory" : "no shared memory, hence one thread",
  ];
  return [
    `cpu       ${verdict(problem)}`,
    `          ${cores} ${cores === 1 ? "core" : "cores"}, ${model}; ${offers.join(", ")}`,
  ];
}

function webGpuLines({ package: version, adapters, taken, problem }: WebGpuDiagnosis): string[] {
  return [
    `webgpu    ${verdict(problem)}`,
    `          npm package webgpu: ${version ?? "not installed"}`,
    ...adapters.flatMap((adapter) => adapterLines(adapter, adapter === taken)),
  ];
}

const verdict = (problem: string | undefined): string => (problem ? `does not compute: ${problem}` : "computes");

function adapterLines(adapter: AdapterReport, taken: boolean): string[] {
  const { name, vendor, architecture, route, software, featureLevel, limits, features } = adapter;
  const maker = [vendor, architecture].filter(Boolean).join(", ");
  const rows = Object.entries(BASELINE).map(([limit, { baseline, show }]) => [
    limit,
    show(limits[limit]),
    show(baseline),
  ]);
  const right = { align: "right" as const };
  const drawn = table([{ title: "limit" }, { title: "here", ...right }, { title: "baseline", ...right }], rows);
  return [
    `adapter   ${name}${maker ? ` (${maker})` : ""}${taken ? ", which --device webgpu takes" : ""}`,
    `          ${software ? "software" : "hardware"}, found by ${route}, feature level ${featureLevel}`,
    ...drawn.split("\n").map((line) => `          ${line}`),
    ...wrapped(`features: ${features.join(", ") || "none"}`).map((line) => `          ${line}`),
  ];
}

/** Lines of at most 90 characters. */
const wrapped = (text: string): string[] => text.match(/.{1,90}(?: |$)/g) ?? [];

/** The limits that every core adapter has at least, and how a person reads them. */
const BASELINE: Readonly<Record<string, { readonly baseline: number; readonly show: (value: number) => string }>> = {
  maxBufferSize: { baseline: 256 * 2 ** 20, show: bytes },
  maxStorageBufferBindingSize: { baseline: 128 * 2 ** 20, show: bytes },
  maxStorageBuffersPerShaderStage: { baseline: 8, show: whole },
  maxUniformBufferBindingSize: { baseline: 64 * 2 ** 10, show: bytes },
  maxComputeWorkgroupStorageSize: { baseline: 16 * 2 ** 10, show: bytes },
  maxComputeInvocationsPerWorkgroup: { baseline: 256, show: whole },
  maxComputeWorkgroupsPerDimension: { baseline: 65_535, show: whole },
};
