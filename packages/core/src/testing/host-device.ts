/** What the devices of tests have in common: they do everything at once, and count memory. */

import type { CompiledPlan, Device, DeviceBuffer, DeviceMemory } from "../device.js";
import type { ComputeDType, TypedArray } from "../dtype.js";
import type { Plan } from "../kernel.js";

export abstract class HostDevice implements Device {
  private bytes = 0;
  private buffers = 0;
  private peak = 0;

  abstract readonly name: string;
  abstract readonly maxBufferBytes: number;
  abstract elementBytes(dtype: ComputeDType): number;
  abstract upload(buffer: DeviceBuffer, data: TypedArray): void;
  abstract read(buffer: DeviceBuffer, dtype: ComputeDType, first: number, count: number): Promise<ArrayBuffer>;
  abstract compile(plan: Plan): CompiledPlan;
  abstract run(compiled: CompiledPlan, externals: readonly DeviceBuffer[], uniforms: Uint32Array): void;

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
