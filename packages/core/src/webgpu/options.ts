/** What the webgpu device takes. Names no type of the DOM's, so that programs need no `lib` for it. */

export interface WebGpuDeviceOptions {
  /** Most bytes that buffers, slots and scratch may take together; by default what the driver gives. */
  readonly memoryLimit?: number;
  /** "any" (the default) takes a hardware adapter if there is one, else one that runs on the processor; "hardware" takes
   *  no such. */
  readonly adapter?: "hardware" | "any";
  /** Tighter limits than the adapter's, so that tests reach them with little data. */
  readonly limits?: WebGpuLimits;
}

export interface WebGpuLimits {
  /** Storage buffers that a dispatch may bind. */
  readonly storageBuffers?: number;
  /** Bytes of a binding. */
  readonly bindingBytes?: number;
  /** Bytes of a buffer. */
  readonly bufferBytes?: number;
}
