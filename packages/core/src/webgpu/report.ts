/** The adapters that can be had, for people. Names no type of the DOM's. */

import { type Found, findAdapters, isSoftware, nameOf, noAdapter } from "./adapter.js";

/** An adapter as plain data, for people. */
export interface AdapterReport {
  /** How it was found. */
  readonly route: string;
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  /** Runs on processor cores. */
  readonly software: boolean;
  readonly featureLevel: "core" | "compatibility";
  /** The limits that kernels and memory depend on. */
  readonly limits: Readonly<Record<string, number>>;
  readonly features: readonly string[];
}

/** The adapters that can be had, the best first; where there is none, why, and what to do about it. */
export interface AdapterReports {
  readonly adapters: readonly AdapterReport[];
  readonly problem?: string;
}

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxUniformBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** What adapters there are. Does not reject. */
export async function describeAdapters(): Promise<AdapterReports> {
  const adapters: AdapterReport[] = [];
  try {
    for await (const found of findAdapters()) adapters.push(report(found));
  } catch (error) {
    return { adapters, problem: error instanceof Error ? error.message : String(error) };
  }
  return adapters.length > 0 ? { adapters } : { adapters, problem: noAdapter() };
}

function report({ route, adapter: { info, limits, features } }: Found): AdapterReport {
  return {
    route: route.name,
    name: nameOf(info),
    vendor: info.vendor,
    architecture: info.architecture,
    software: isSoftware(info),
    featureLevel: features.has("core-features-and-limits") ? "core" : route.featureLevel,
    limits: Object.fromEntries(LIMITS.map((name) => [name, limits[name]])),
    features: [...features].sort(),
  };
}
