/** What a device's host does with it, for the tests of every device. */

import fc from "fast-check";
import { expect } from "vitest";
import type { Device, DeviceBuffer } from "../dist/device.js";
import type { Plan } from "../dist/kernel.js";
import { shiftOnHost, uniform } from "./plans.js";

export function filled(device: Device, data: Float32Array, purpose = "a tensor"): DeviceBuffer {
  const buffer = device.allocate(data.byteLength, purpose);
  device.upload(buffer, data, "float32");
  return buffer;
}

export const floats = async (device: Device, buffer: DeviceBuffer): Promise<Float32Array> =>
  new Float32Array(await device.read(buffer, "float32", 0, buffer.bytes / 4));

/** A plan that shifts, and by how much one kernel after the other. */
export interface ShiftPlan {
  readonly plan: Plan;
  readonly shifts: readonly number[];
}

/**
 * Expects that whatever is allocated, uploaded, run, read and freed, in any order of at most `most` operations over
 * buffers of `n` elements, gives what a model in JavaScript gives.
 */
export async function expectModel(device: Device, n: number, plans: readonly ShiftPlan[], most: number): Promise<void> {
  const op = fc.record({ kind: fc.constantFrom("new", "run", "run", "read", "free"), a: fc.nat(), b: fc.nat() });
  let seed = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 20, maxLength: most }), async (ops) => {
      const live: { buffer: DeviceBuffer; value: Float32Array }[] = [];
      const reads: Promise<void>[] = [];
      for (const { kind, a, b } of ops) {
        const from = live[a % live.length];
        if (live.length === 0 || (kind === "new" && live.length < 20)) {
          const value = new Float32Array(n).fill(++seed);
          live.push({ buffer: filled(device, value), value });
        } else if (kind === "run") {
          const buffer = device.allocate(4 * n);
          const { plan, shifts } = plans[b % plans.length];
          device.run(device.compile(plan), [from.buffer, buffer], uniform(b % 3));
          live.push({ buffer, value: shifts.reduce((v, shift) => shiftOnHost(v, shift, b % 3), from.value) });
          if (live.length > 20) device.free(live.shift()!.buffer);
        } else if (kind === "read") {
          reads.push(floats(device, from.buffer).then((value) => expect(value).toEqual(from.value)));
        } else if (kind === "free") {
          live.splice(live.indexOf(from), 1);
          device.free(from.buffer);
        }
      }
      for (const { buffer, value } of live) {
        reads.push(floats(device, buffer).then((v) => expect(v).toEqual(value)));
        device.free(buffer);
      }
      await Promise.all(reads);
      expect(device.memory().bytes).toBe(0);
    }),
    // What fails may do so by chance of timing, and a smaller example would not.
    { numRuns: 15, endOnFailure: true },
  );
}
