/**
 * The memory behind a realized node: a buffer of a device, an array on the host, or both. Whoever drops the last
 * reference frees the device's part through a FinalizationRegistry; nobody has to.
 */

import { platform } from "#platform";
import type { Device, DeviceBuffer } from "./device.js";
import { discard } from "./discard.js";
import { type ComputeDType, type DType, dtypeInfo, type TypedArray } from "./dtype.js";

/** What a storage holds on a device, and the way back to the storage while it lives. */
interface Holding {
  readonly device: Device;
  readonly buffer: DeviceBuffer;
  readonly storage: WeakRef<Storage>;
}

const holdings = new Set<Holding>();

const registry = new FinalizationRegistry<Holding>((holding) => {
  if (holdings.delete(holding)) holding.device.free(holding.buffer);
});

export class Storage {
  /** Counts writes in place; a node is the value of one version. */
  version = 0;
  device: Device | null = null;
  buffer: DeviceBuffer | null = null;
  /** The values on the host, where they came from there or were read. Dropped by a write on the device. */
  host: TypedArray | null = null;
  /** Whether the value went down with its device. A write into it makes it whole again. */
  lost = false;
  /** Whether a variable has taken this memory for its value; see `handOver`. */
  shared = false;
  private holding: Holding | null = null;
  /** The flush that used the device's copy last. */
  lastUse = 0;

  /** Who wants the value before it is replaced. */
  private readonly waiting = new Set<() => void>();

  private constructor(
    readonly dtype: DType,
    readonly numel: number,
    /** Whether the values were made on the host. Then they never change: no kernel writes here, and any number of tensors
     *  and variables may have the same memory. */
    readonly fixed: boolean,
    /** Whether nobody outside has the host's array, or its buffer. */
    private exclusive = false,
  ) {}

  /** @param exclusive whether nobody but the storage has the array, or its buffer */
  static fromHost(data: TypedArray, dtype: DType, numel: number, exclusive = false): Storage {
    const s = new Storage(dtype, numel, true, exclusive);
    s.host = data;
    return s;
  }

  static onDevice(device: Device, dtype: ComputeDType, numel: number, purpose?: string): Storage {
    const s = new Storage(dtype, numel, false);
    s.attach(device, device.allocate(Math.max(1, numel) * device.elementBytes(dtype), purpose));
    return s;
  }

  attach(device: Device, buffer: DeviceBuffer): void {
    this.device = device;
    this.buffer = buffer;
    this.holding = { device, buffer, storage: new WeakRef(this) };
    holdings.add(this.holding);
    registry.register(this, this.holding, this);
  }

  /** The values on the host, for somebody who may keep the array. */
  exposeHost(): TypedArray | null {
    this.exclusive = false;
    return this.host;
  }

  /** Leaves the values to the device alone, as the value of a variable. An array that nobody else has is given back at
   *  once: it may be as large as a model, and is seldom collected before the next one comes. */
  handOver(): void {
    if (this.host && this.exclusive) discard(this.host.buffer);
    this.host = null;
    this.shared = true;
  }

  /** Has `act` called once, before the value is replaced or its memory is given back. Returns what calls that off. */
  beforeChange(act: () => void): () => void {
    this.waiting.add(act);
    return () => this.waiting.delete(act);
  }

  /** Says that the value is about to be replaced. */
  announceChange(): void {
    for (const act of this.waiting) act();
    this.waiting.clear();
  }

  /** Ends the value and gives its memory back. */
  retire(): void {
    this.announceChange();
    this.version++;
    this.release();
    this.host = null;
  }

  /** Gives the device's part back now. */
  release(): void {
    if (!this.holding) return;
    registry.unregister(this);
    holdings.delete(this.holding);
    this.holding.device.free(this.holding.buffer);
    this.holding = null;
    this.buffer = null;
    this.device = null;
  }

  /** Has the garbage of the program collected, where that can be had, and takes back what it held on devices.
   *  @returns whether anything came back */
  static collect(): boolean {
    platform.collectGarbage();
    let freed = false;
    for (const holding of [...holdings]) {
      if (holding.storage.deref()) continue;
      holdings.delete(holding);
      holding.device.free(holding.buffer);
      freed = true;
    }
    return freed;
  }

  /** Brings everything that lives on `device` to the host, and frees it there. What a failed device no longer gives is
   *  lost: reading it is an error. */
  static async evacuate(device: Device): Promise<void> {
    for (const holding of [...holdings]) {
      const storage = holding.device === device ? holding.storage.deref() : undefined;
      if (!storage) continue;
      const dtype = storage.dtype as ComputeDType;
      const { array } = dtypeInfo(dtype);
      try {
        storage.host ??= new array(await device.read(holding.buffer, dtype, 0, storage.numel));
      } catch {
        storage.version++;
        storage.lost = true;
      }
      storage.release();
    }
  }
}
