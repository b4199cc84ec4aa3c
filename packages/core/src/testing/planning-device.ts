/** A device that keeps the plans it is given and runs nothing. For tests of what a plan would take. */

import type { CompiledPlan, Device, DeviceBuffer, DeviceMemory } from "../device.js";
import type { ComputeDType } from "../dtype.js";
import { kernelsByKind, type Plan } from "../kernel.js";

export class PlanningDevice implements Device {
  readonly name = "planning";
  /** In the order they were run. */
  readonly plans: Plan[] = [];
  private bytes = 0;
  private buffers = 0;
  private peak = 0;

  constructor(
    readonly bytesPerElement: number,
    readonly maxBufferBytes = 2 ** 27,
  ) {}

  elementBytes(_dtype: ComputeDType): number {
    return this.bytesPerElement;
  }

  allocate(bytes: number): DeviceBuffer {
    this.bytes += bytes;
    this.buffers++;
    this.peak = Math.max(this.peak, this.bytes);
    return { bytes };
  }

  free(buffer: DeviceBuffer): void {
    this.bytes -= buffer.bytes;
    this.buffers--;
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

  pending(): number {
    return 0;
  }

  async settle(): Promise<void> {}

  memory(): DeviceMemory {
    return { bytes: this.bytes, buffers: this.buffers, reserved: this.bytes, peak: this.peak };
  }

  resetPeak(): void {
    this.peak = this.bytes;
  }

  close(): void {}
}
