/** Runs WGSL expressions over arrays on a device of Dawn's own, with nothing of the framework between. */

import { openAdapter } from "./open-adapter.js";

/** The arrays that shaders read and write here, by the WGSL type of an element. */
interface Arrays {
  f32: Float32Array;
  i32: Int32Array;
  u32: Uint32Array;
}
type Element = keyof Arrays;

const WORKGROUP = 64;
const GROUPS = 4096;
const NAMES = ["x", "y", "z"];
const INPUT = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
const OUTPUT = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
const STAGING = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;

const elementOf = (a: Arrays[Element]): Element =>
  a instanceof Float32Array ? "f32" : a instanceof Int32Array ? "i32" : "u32";

/** A device, and Dawn's instance, which must outlive it. */
export class WgslRunner {
  private constructor(
    readonly gpu: GPU,
    readonly device: GPUDevice,
  ) {}

  /** Opens the adapter of the environment. Throws where there is none. */
  static async open(): Promise<WgslRunner> {
    const { gpu, device } = await openAdapter();
    return new WgslRunner(gpu, device);
  }

  /** The value of `expression` for every element of the inputs, which it calls x, y and z. `functions` is what it
   *  calls: WGSL declarations. Throws where the shader does not compile. */
  async map<R extends Element>(
    functions: string,
    expression: string,
    result: R,
    ...inputs: Arrays[Element][]
  ): Promise<Arrays[R]> {
    const { device } = this;
    const code = shader(functions, expression, result, inputs.map(elementOf));
    const module = device.createShaderModule({ code });
    const { messages } = await module.getCompilationInfo();
    const error = messages.find((m) => m.type === "error");
    if (error) throw new Error(`line ${error.lineNum}: ${error.message}\n${code}`);
    const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
    const size = inputs[0].byteLength;
    const output = device.createBuffer({ size, usage: OUTPUT });
    const staging = device.createBuffer({ size, usage: STAGING });
    const buffers = inputs.map((data) => {
      const buffer = device.createBuffer({ size, usage: INPUT });
      device.queue.writeBuffer(buffer, 0, data as Arrays[Element] & ArrayBufferView<ArrayBuffer>);
      return buffer;
    });
    const entries = [...buffers, output].map((buffer, binding) => ({ binding, resource: { buffer } }));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(Math.min(GROUPS, Math.ceil(inputs[0].length / WORKGROUP)));
    pass.end();
    encoder.copyBufferToBuffer(output, 0, staging, 0, size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const bytes = staging.getMappedRange().slice(0);
    for (const buffer of [...buffers, output, staging]) buffer.destroy();
    return view(result, bytes);
  }

  close(): void {
    this.device.destroy();
  }
}

function shader(functions: string, expression: string, result: Element, inputs: Element[]): string {
  const bindings = inputs.map(
    (type, i) => `@group(0) @binding(${i}) var<storage, read> in_${NAMES[i]}: array<${type}>;`,
  );
  const loads = inputs.map((_, i) => `    let ${NAMES[i]} = in_${NAMES[i]}[at];`);
  return `${functions}
${bindings.join("\n")}
@group(0) @binding(${inputs.length}) var<storage, read_write> out: array<${result}>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var at = id.x; at < arrayLength(&out); at += ${WORKGROUP}u * groups.x) {
${loads.join("\n")}
    out[at] = ${expression};
  }
}
`;
}

function view<R extends Element>(type: R, bytes: ArrayBuffer): Arrays[R] {
  const views: { [K in Element]: (b: ArrayBuffer) => Arrays[K] } = {
    f32: (b) => new Float32Array(b),
    i32: (b) => new Int32Array(b),
    u32: (b) => new Uint32Array(b),
  };
  return views[type](bytes);
}
