/** A device that keeps the plans it is given and runs nothing. For tests of what a plan would take. */

import type { CompiledPlan, DeviceBuffer } from "../device.js";
import type { ComputeDType } from "../dtype.js";
import { kernelsByKind, type Plan } from "../kernel.js";
import { HostDevice } from "./host-device.js";

export class PlanningDevice extends HostDevice {
  readonly name = "planning";
  /** In the order they were run. */
  readonly plans: Plan[] = [];

  constructor(
    readonly bytesPerElement: number,
    readonly maxBufferBytes = 2 ** 27,
  ) {
    super();
  }

  elementBytes(_dtype: ComputeDType): number {
    return this.bytesPerElement;
  }

  upload(): void {}

  async read(_buffer: DeviceBuffer, _dtype: ComputeDType, _first: number, count: number): Promise<ArrayBuffer> {
    return new ArrayBuffer(4 * count);
  }

  compile(plan: Plan): CompiledPlan {
    return { plan, compiled: 0, launches: kernelsByKind(plan) };
  }

  run({ plan }: CompiledPlan): void {
    this.plans.push(plan);
  }
}
