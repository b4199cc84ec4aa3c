/** A device that interprets every kernel by naive loops, one after the other, on the calling thread. For tests only: it
 *  shows whether a plan is right without any compiler. */

import type { CompiledPlan, Device, DeviceBuffer, DeviceMemory } from "../device.js";
import { type ComputeDType, dtypeInfo, type TypedArray } from "../dtype.js";
import { type Access, type Kernel, kernelsByKind, type Plan } from "../kernel.js";
import { interpretKernel } from "./interpret-kernel.js";

class HostBuffer implements DeviceBuffer {
  readonly memory: ArrayBuffer;

  constructor(readonly bytes: number) {
    // Whatever is read before it was written shows up as NaN.
    this.memory = new Uint8Array(Math.ceil(bytes / 8) * 8).fill(0xff).buffer;
  }
}

/** Every access of a kernel. */
function accesses(kernel: Kernel): Access[] {
  if (kernel.kind === "loop")
    return [...kernel.sources, ...kernel.stages.flatMap((s) => (s.kind === "store" ? [s.target] : []))];
  if (kernel.kind === "scan" || kernel.kind === "sort") return [kernel.source, kernel.target];
  return [kernel.a, kernel.b, ...kernel.epilogue.sources, kernel.epilogue.target];
}

export class ReferenceDevice implements Device {
  readonly name = "reference";
  readonly maxBufferBytes = 2 ** 31 - 1;
  private bytes = 0;
  private buffers = 0;
  private peak = 0;

  elementBytes(dtype: ComputeDType): number {
    return dtypeInfo(dtype).bytes;
  }

  allocate(bytes: number): DeviceBuffer {
    this.bytes += bytes;
    this.buffers++;
    this.peak = Math.max(this.peak, this.bytes);
    return new HostBuffer(bytes);
  }

  free(buffer: DeviceBuffer): void {
    this.bytes -= buffer.bytes;
    this.buffers--;
  }

  upload(buffer: DeviceBuffer, data: TypedArray): void {
    new Uint8Array((buffer as HostBuffer).memory).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  async read(buffer: DeviceBuffer, dtype: ComputeDType, first: number, count: number): Promise<ArrayBuffer> {
    const { bytes } = dtypeInfo(dtype);
    return (buffer as HostBuffer).memory.slice(first * bytes, (first + count) * bytes);
  }

  compile(plan: Plan): CompiledPlan {
    return { plan, compiled: plan.kernels.length, launches: kernelsByKind(plan) };
  }

  run({ plan }: CompiledPlan, externals: readonly DeviceBuffer[], uniforms: Uint32Array): void {
    const slots = plan.slots.map(({ bytes }) => new HostBuffer(bytes));
    for (const { kernel, buffers } of plan.kernels) {
      const views: TypedArray[] = buffers.map((ref, i) => {
        const { memory } = (ref.kind === "slot" ? slots[ref.index] : externals[ref.index]) as HostBuffer;
        const { dtype } = accesses(kernel).find((a) => a.buffer === i)!;
        const { array, bytes } = dtypeInfo(dtype);
        return new array(memory, 0, Math.floor(memory.byteLength / bytes));
      });
      interpretKernel(kernel, views, uniforms);
    }
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
