/** A device that interprets every kernel by naive loops, one after the other, on the calling thread. For tests only: it
 *  shows whether a plan is right without any compiler. */

import type { CompiledPlan, DeviceBuffer } from "../device.js";
import { type ComputeDType, dtypeInfo, type TypedArray } from "../dtype.js";
import { kernelsByKind, type Plan } from "../kernel.js";
import { usesOf } from "../uses.js";
import { HostDevice } from "./host-device.js";
import { interpretKernel } from "./interpret-kernel.js";

class HostBuffer implements DeviceBuffer {
  readonly memory: ArrayBuffer;

  constructor(readonly bytes: number) {
    // Whatever is read before it was written shows up as NaN.
    this.memory = new Uint8Array(Math.ceil(bytes / 8) * 8).fill(0xff).buffer;
  }
}

export class ReferenceDevice extends HostDevice {
  readonly name = "reference";
  readonly maxBufferBytes = 2 ** 31 - 1;

  elementBytes(dtype: ComputeDType): number {
    return dtypeInfo(dtype).bytes;
  }

  override allocate(bytes: number): DeviceBuffer {
    super.allocate(bytes);
    return new HostBuffer(bytes);
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
        const { dtype } = usesOf(kernel).find(({ access }) => access.buffer === i)!.access;
        const { array, bytes } = dtypeInfo(dtype);
        return new array(memory, 0, Math.floor(memory.byteLength / bytes));
      });
      interpretKernel(kernel, views, uniforms);
    }
  }
}
