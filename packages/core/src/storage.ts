/**
 * The memory behind a realized node: a buffer of a device, an array on the host, or both. Whoever drops the last
 * reference frees the device's part through a FinalizationRegistry; nobody has to.
 */

import type { Device, DeviceBuffer } from "./device.js";
import type { ComputeDType, DType, TypedArray } from "./dtype.js";

const registry = new FinalizationRegistry<{ device: Device; buffer: DeviceBuffer }>(({ device, buffer }) =>
  device.free(buffer),
);

export class Storage {
  /** Counts writes in place; a node is the value of one version. */
  version = 0;
  device: Device | null = null;
  buffer: DeviceBuffer | null = null;
  /** The values on the host, where they came from there or were read. Dropped by a write on the device. */
  host: TypedArray | null = null;
  /** The flush that used the device's copy last. */
  lastUse = 0;

  constructor(
    readonly dtype: DType,
    readonly numel: number,
  ) {}

  static fromHost(data: TypedArray, dtype: DType, numel: number): Storage {
    const s = new Storage(dtype, numel);
    s.host = data;
    return s;
  }

  static onDevice(device: Device, dtype: ComputeDType, numel: number): Storage {
    const s = new Storage(dtype, numel);
    s.attach(device, device.allocate(Math.max(1, numel) * device.elementBytes(dtype)));
    return s;
  }

  attach(device: Device, buffer: DeviceBuffer): void {
    this.device = device;
    this.buffer = buffer;
    registry.register(this, { device, buffer }, this);
  }

  /** Gives the device's part back now. */
  release(): void {
    if (!this.buffer || !this.device) return;
    registry.unregister(this);
    this.device.free(this.buffer);
    this.buffer = null;
    this.device = null;
  }
}
