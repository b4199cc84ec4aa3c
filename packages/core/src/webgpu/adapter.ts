/** Which adapters can be had, and which of them to take. */

import { adapters } from "#platform/adapters";
import { NoAdapterError } from "../errors.js";
import type { AdapterRoute } from "../platform/adapters.js";

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i;

/** Whether an adapter runs on processor cores. */
export const isSoftware = ({ isFallbackAdapter, vendor, architecture, device, description }: GPUAdapterInfo): boolean =>
  isFallbackAdapter || [vendor, architecture, device, description].some((text) => SOFTWARE.test(text));

/** An adapter and how it was found. */
export interface Found {
  readonly route: AdapterRoute;
  readonly adapter: GPUAdapter;
}

/** The adapter for a device: hardware if there is some, else software unless "hardware" is asked for. */
export async function chooseAdapter(wanted: "hardware" | "any"): Promise<GPUAdapter> {
  if (wanted === "hardware" && !adapters.hasGraphicsCard())
    throw new NoAdapterError(
      `there is no hardware adapter for the webgpu device: this machine shows no graphics card. ${adapters.advice}`,
    );
  const software: Found[] = [];
  for await (const found of findAdapters()) {
    if (!isSoftware(found.adapter.info)) return found.adapter;
    software.push(found);
    if (!adapters.hasGraphicsCard()) break;
  }
  if (software.length === 0) throw new NoAdapterError(noAdapter());
  if (wanted === "any") return software[0].adapter;
  throw new NoAdapterError(
    `there is no hardware adapter for the webgpu device, only ${nameOf(software[0].adapter.info)}, which runs on the ` +
      `processor; ask for adapter "any" to take it. ${adapters.advice}`,
  );
}

/** The adapters of all routes, each once. What goes wrong on a route matters only if no other leads to one. */
export async function* findAdapters(): AsyncGenerator<Found> {
  const seen = new Set<string>();
  let problem: unknown;
  for (const route of await adapters.routes()) {
    const adapter = await route.requestAdapter().catch((error: unknown) => {
      problem ??= error;
      return null;
    });
    if (!adapter) continue;
    const { vendor, architecture, device, description } = adapter.info;
    const key = [vendor, architecture, device, description].join("\n");
    if (seen.has(key)) continue;
    seen.add(key);
    yield { route, adapter };
  }
  if (problem && seen.size === 0) throw problem;
}

export const noAdapter = (): string => `there is no adapter for the webgpu device. ${adapters.advice}`;

export const nameOf = ({ description, device, architecture, vendor }: GPUAdapterInfo): string =>
  description || device || [vendor, architecture].filter(Boolean).join(" ") || "an adapter without a name";
