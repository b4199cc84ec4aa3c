/**
 * Runs a printed kernel on a plain WebGPU device, with nothing of the framework's memory or queues between. Buffers are
 * laid out as the webgpu device lays them out: a 32-bit word an element, and in pieces where they are large.
 */

import type { ComputeDType, TypedArray } from "../dist/dtype.js";
import { float16ToNumber, numberToFloat16 } from "../dist/float16.js";
import type { Kernel } from "../dist/kernel.js";
import { usesOf } from "../dist/uses.js";
import type { Binding, KernelProgram, Pass, Target } from "../dist/webgpu/program.js";
import { openAdapter } from "./open-adapter.js";

/** What no kernel may change, nor read and use, behind every piece. As f32 it is a NaN. */
const GUARD = 0xffa5a5a5;
const GUARDS = 8;

/** The GPU's buffers of one buffer of a kernel. */
interface Placed {
  readonly elements: number;
  readonly pieces: readonly GPUBuffer[];
}

const FLOATS: readonly ComputeDType[] = ["float32", "float16"];

/** Host elements as the words of the device. */
function toWords(data: TypedArray, dtype: ComputeDType): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(data.length);
  const numbers = FLOATS.includes(dtype) ? new Float32Array(words.buffer) : words;
  const encode = dtype === "float16" ? float16ToNumber : dtype === "bool" ? (x: number) => Number(x !== 0) : Number;
  for (let i = 0; i < data.length; i++) numbers[i] = encode(Number(data[i]));
  return words;
}

/** The words of the device as host elements, into `data`. */
function fromWords(words: Uint32Array<ArrayBuffer>, dtype: ComputeDType, data: TypedArray): void {
  const numbers = FLOATS.includes(dtype) ? new Float32Array(words.buffer) : words;
  for (let i = 0; i < data.length; i++) data[i] = dtype === "float16" ? numberToFloat16(numbers[i]) : numbers[i];
}

/** The dtype of every buffer of a kernel; float32 where no access tells. */
function dtypesOf(kernel: Kernel, count: number): ComputeDType[] {
  const dtypes = new Array<ComputeDType>(count).fill("float32");
  for (const { access } of usesOf(kernel)) dtypes[access.buffer] = access.dtype;
  return dtypes;
}

/** A device, and Dawn's instance, which must outlive it. */
export class KernelRunner {
  private constructor(
    readonly gpu: GPU,
    readonly device: GPUDevice,
  ) {}

  /** Opens the adapter of the environment. Throws where there is none. */
  static async open(): Promise<KernelRunner> {
    const { gpu, device } = await openAdapter();
    return new KernelRunner(gpu, device);
  }

  /** What shaders may count on here, changed as a test wants. */
  target(changes: Partial<Target> = {}): Target {
    const { limits } = this.device;
    return {
      storageBuffers: limits.maxStorageBuffersPerShaderStage,
      workgroupBytes: limits.maxComputeWorkgroupStorageSize,
      invocations: limits.maxComputeInvocationsPerWorkgroup,
      workgroups: limits.maxComputeWorkgroupsPerDimension,
      pieceElements: 2 ** 25,
      software: false,
      ...changes,
    };
  }

  /**
   * Prints the kernel, runs it over copies of the buffers and gives the copies back. Throws where the kernel wrote
   * outside of its buffers, or where WebGPU finds fault with it; the message shows the shader. Many runs may be under
   * way at once.
   */
  async run<K extends Kernel>(
    print: (kernel: K, elements: readonly number[], target: Target) => KernelProgram,
    kernel: K,
    buffers: readonly TypedArray[],
    uniforms: Uint32Array = new Uint32Array(4),
    target: Target = this.target(),
  ): Promise<TypedArray[]> {
    const elements = buffers.map((b) => b.length);
    const dtypes = dtypesOf(kernel, buffers.length);
    const program = print(kernel, elements, target);
    const pipelines = await Promise.all(program.passes.map((pass) => this.pipeline(pass)));
    const placed = buffers.map((b, i) => this.place(toWords(b, dtypes[i]), target));
    const scratch = program.scratch.map((n) => this.place(new Uint32Array(n).fill(GUARD), target));
    const words = this.uniforms(uniforms);
    this.device.pushErrorScope("validation");
    this.submit(program, pipelines, placed, scratch, words);
    const error = await this.device.popErrorScope();
    if (error) throw new Error(`${error.message}\n${program.passes.map((pass) => pass.code).join("\n")}`);
    const results = await Promise.all(
      placed.map(async (from, i) => {
        const result = buffers[i].slice() as TypedArray;
        fromWords(await this.read(from, target), dtypes[i], result);
        return result;
      }),
    );
    for (const { pieces } of [...placed, ...scratch]) for (const piece of pieces) piece.destroy();
    words.destroy();
    return results;
  }

  close(): void {
    this.device.destroy();
  }

  private async pipeline({ code, bindings, uniforms }: Pass): Promise<GPUComputePipeline> {
    const { device } = this;
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code });
    const types: GPUBufferBindingType[] = bindings.map((b) => (b.writable ? "storage" : "read-only-storage"));
    if (uniforms) types.push("uniform");
    const entries = types.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } }));
    const layout = device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries })] });
    const made = device.createComputePipelineAsync({ layout, compute: { module } });
    const error = await device.popErrorScope();
    if (!error) return made;
    await made.catch(() => undefined);
    throw new Error(`${error.message}\n${code}`);
  }

  private place(words: Uint32Array<ArrayBuffer>, { pieceElements }: Target): Placed {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const pieces: GPUBuffer[] = [];
    for (let from = 0; from === 0 || from < words.length; from += pieceElements) {
      const part = words.slice(from, from + pieceElements);
      const guarded = new Uint32Array(part.length + GUARDS).fill(GUARD);
      guarded.set(part);
      const piece = this.device.createBuffer({ size: guarded.byteLength, usage });
      this.device.queue.writeBuffer(piece, 0, guarded);
      pieces.push(piece);
    }
    return { elements: words.length, pieces };
  }

  private uniforms(words: Uint32Array): GPUBuffer {
    const padded = new Uint32Array(Math.ceil(words.length / 4) * 4);
    padded.set(words);
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = this.device.createBuffer({ size: padded.byteLength, usage });
    this.device.queue.writeBuffer(buffer, 0, padded);
    return buffer;
  }

  private submit(
    program: KernelProgram,
    pipelines: readonly GPUComputePipeline[],
    placed: readonly Placed[],
    scratch: readonly Placed[],
    uniforms: GPUBuffer,
  ): void {
    const { device } = this;
    const bufferOf = (b: Binding): GPUBuffer => (b.of === "kernel" ? placed : scratch)[b.index].pieces[b.piece];
    const encoder = device.createCommandEncoder();
    const commands = encoder.beginComputePass();
    program.passes.forEach((pass, i) => {
      const buffers = pass.bindings.map(bufferOf);
      if (pass.uniforms) buffers.push(uniforms);
      const layout = pipelines[i].getBindGroupLayout(0);
      const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
      commands.setPipeline(pipelines[i]);
      commands.setBindGroup(0, device.createBindGroup({ layout, entries }));
      commands.dispatchWorkgroups(...pass.workgroups);
    });
    commands.end();
    device.queue.submit([encoder.finish()]);
  }

  private async read({ elements, pieces }: Placed, { pieceElements }: Target): Promise<Uint32Array<ArrayBuffer>> {
    const words = new Uint32Array(elements);
    const parts = await Promise.all(pieces.map((piece) => this.download(piece)));
    parts.forEach((part, i) => {
      const own = part.length - GUARDS;
      const touched = part.subarray(own).findIndex((word) => word !== GUARD);
      if (touched >= 0) throw new Error(`the kernel wrote outside of its buffers, at element ${own + touched}`);
      words.set(part.subarray(0, own), i * pieceElements);
    });
    return words;
  }

  private async download(buffer: GPUBuffer): Promise<Uint32Array<ArrayBuffer>> {
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const staging = this.device.createBuffer({ size: buffer.size, usage });
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
    this.device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const words = new Uint32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return words;
  }
}
