// What the runner times: a task that peers understand too, and how Kindling does it.

import { flush, randn, synchronize, type Tensor } from "@kindling/core";
import type { PeerTask } from "../peers/tasks.js";

/** Does the work once and resolves when the device is done: to the results' shapes, where peers give the same results. */
export type Run = () => Promise<unknown>;

/** Work that is timed where it is done, in a process of its own. It is not warmed up. */
export interface SelfTimed {
  /** Does the work once and resolves to milliseconds. */
  time(): Promise<number>;
}

export interface Workload {
  /** The same work in the peers' words. Its name is the workload's. */
  task: PeerTask;
  /** Floating-point operations of one run, a multiply-add counted as two; left out where no one number is fair. */
  flops?: number;
  /** Bytes that must pass through memory, each input read and each output written once; where memory bounds the work. */
  bytes?: number;
  /** Makes inputs and weights. They are not timed. */
  prepare(): Run | SelfTimed | Promise<Run | SelfTimed>;
  /** A digest of what the work gives, after it was timed; peers that say another did something else. */
  check?(): Promise<string | undefined>;
}

/** Random values that keep their memory: they are made once, before the first run that reads them. */
export const input = (shape: readonly number[], options: { requiresGrad?: boolean } = {}): Tensor =>
  randn(shape, options).retain();

/** Computes tensors, waits for the device and tells their shapes. Nothing is read back; the memory is given back at once. */
export async function realize(...tensors: readonly Tensor[]): Promise<string> {
  for (const t of tensors) t.retain();
  await flush();
  await synchronize();
  const shapes = tensors.map(({ shape }) => `[${shape}]`).join(" ");
  for (const t of tensors) t.dispose();
  return shapes;
}
