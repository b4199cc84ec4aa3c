/** The session: choosing the device, waiting, memory and counters. */

import type { Device } from "./device.js";
import { type DeviceName, type StartOptions, startDevice } from "./devices.js";
import { engine, type Stats } from "./engine.js";

export interface InitOptions extends StartOptions {
  /** "auto" takes a hardware WebGPU adapter if there is one, else "cpu". Or a device made elsewhere. */
  device?: DeviceName | Device;
}

/** Starts a device and makes it the one that computes. Tensors made earlier move to it when they are first used. */
export async function init(options: InitOptions = {}): Promise<Device> {
  const { device = "auto", ...rest } = options;
  const chosen = typeof device === "string" ? await startDevice(device, rest) : device;
  const before = engine.device;
  await engine.use(chosen);
  // A device that was made here is nobody else's.
  if (before && before !== chosen && ours.has(before)) before.close();
  if (typeof device === "string") ours.add(chosen);
  return chosen;
}

const ours = new WeakSet<Device>();

/** Makes an already started device the one that computes. */
export const setDefaultDevice = (device: Device): Promise<void> => engine.use(device);

/**
 * Realizes what must outlive the graph: parameters and other state, results, losses. Optimizers call it at the end of
 * a step. The promise waits only while too many steps are in flight.
 */
export async function flush(): Promise<void> {
  if (engine.device) engine.flush();
  else {
    await engine.ready();
    engine.flush();
  }
  await engine.throttle();
}

/** Waits until everything enqueued so far has run. */
export async function synchronize(): Promise<void> {
  await engine.device?.settle(0);
}

export interface Memory {
  /** Bytes of live tensors. */
  bytes: number;
  /** Bytes obtained from the system, in use or pooled. */
  reserved: number;
  /** Live buffers. */
  tensors: number;
  /** Highest sum of live tensors, pool in use and workspaces since `resetPeak()`. */
  peak: number;
}

export function memory(): Memory {
  const m = engine.device?.memory();
  return m
    ? { bytes: m.bytes, reserved: m.reserved, tensors: m.buffers, peak: m.peak }
    : { bytes: 0, reserved: 0, tensors: 0, peak: 0 };
}

export const resetPeak = (): void => engine.device?.resetPeak();

/** Counters since the last `resetStats()`. */
export const stats = (): Stats => engine.stats();
export const resetStats = (): void => engine.resetStats();
