// A program by itself: doubles some numbers on the WebGPU adapter that this process finds, and prints its name. Dawn may
// offer an adapter that cannot compute, and a broken driver may end the process: hence a process, and hence a shader.

import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
const { KINDLING_WEBGPU_BACKEND: backend } = process.env;

const shader = `
  @group(0) @binding(0) var<storage, read_write> values: array<u32>;
  @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { values[id.x] *= 2u; }`;

/** @param {GPUDevice} device */
async function doubles(device) {
  const numbers = Uint32Array.from({ length: 64 }, (_, i) => i);
  const { COPY_DST, COPY_SRC, MAP_READ, STORAGE } = GPUBufferUsage;
  const values = device.createBuffer({ size: numbers.byteLength, usage: STORAGE | COPY_SRC | COPY_DST });
  const result = device.createBuffer({ size: numbers.byteLength, usage: MAP_READ | COPY_DST });
  const module = device.createShaderModule({ code: shader });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const layout = pipeline.getBindGroupLayout(0);
  device.queue.writeBuffer(values, 0, numbers);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: values } }] }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(values, 0, result, 0, numbers.byteLength);
  device.queue.submit([encoder.finish()]);
  await result.mapAsync(GPUMapMode.READ);
  return new Uint32Array(result.getMappedRange()).every((value, i) => value === 2 * numbers[i]);
}

const gpu = create(backend ? [`backend=${backend}`] : []);
const adapter = (await gpu.requestAdapter()) ?? (await gpu.requestAdapter({ featureLevel: "compatibility" }));
const device = await adapter?.requestDevice();
if (!adapter || !device || !(await doubles(device))) process.exit(1);
const { device: name, description } = adapter.info;
console.log([name, description].filter(Boolean).join(", "));
process.exit(0);
