/** A run: the dispatches of a plan as one compute pass and one submit. */

import type { BindGroups } from "./bind-groups.js";
import type { Ledger } from "./ledger.js";
import type { Piece } from "./memory.js";
import type { Ready } from "./order.js";
import type { Pipeline } from "./pipelines.js";
import type { PlanProgram } from "./programs.js";

/** A printed plan and the pipelines of its dispatches. */
export interface PlanCode {
  readonly program: PlanProgram;
  readonly pipelines: readonly Pipeline[];
  readonly ready: Ready;
}

/** The memory of a run: pieces of each external buffer and of each shared object. */
export interface RunMemory {
  readonly external: readonly (readonly Piece[])[];
  readonly object: readonly (readonly Piece[])[];
}

/** What of the device a run goes through. */
export interface RunResources {
  readonly gpu: GPUDevice;
  readonly ledger: Ledger;
  readonly groups: BindGroups;
  readonly uniforms: GPUBuffer;
}

/** Gives a run to the GPU; resolves when the GPU has done it, or it is known that it failed. */
export async function execute(
  { gpu, ledger, groups, uniforms }: RunResources,
  code: PlanCode,
  memory: RunMemory,
  numbers: Uint32Array,
): Promise<void> {
  const bound: GPUBindGroup[] = [];
  const binding = ledger.attempt(
    () => "binding the buffers of a run",
    () => bound.push(...bind(groups, code, memory)),
  );
  const submitting = ledger.attempt(
    () => describeRun(code),
    () => {
      if (numbers.length > 0) gpu.queue.writeBuffer(uniforms, 0, numbers as Uint32Array<ArrayBuffer>);
      gpu.queue.submit([encode(gpu, code, bound)]);
    },
  );
  // After a failure nothing was submitted, and a lost device does not say when it is done.
  const done = ledger.failed ? undefined : gpu.queue.onSubmittedWorkDone().catch(() => {});
  await Promise.all([binding, submitting, done]);
}

/** A run in words, for errors. */
export function describeRun({ program: { dispatches } }: PlanCode): string {
  const [first, last] = [dispatches[0].name, dispatches[dispatches.length - 1].name];
  if (dispatches.length === 1) return `kernel ${first}`;
  return `the run of ${dispatches.length} dispatches from ${first} to ${last}`;
}

const bind = (groups: BindGroups, { program, pipelines }: PlanCode, memory: RunMemory): GPUBindGroup[] =>
  program.dispatches.map(({ name, operands }, i) => {
    const bound = operands.map(({ of, index, piece, offset, bytes }) => ({
      piece: memory[of][index][piece],
      offset,
      bytes,
    }));
    return groups.get(pipelines[i], bound, name);
  });

/** The debug groups make the GPU's messages name the kernel. */
function encode(gpu: GPUDevice, { program, pipelines }: PlanCode, groups: readonly GPUBindGroup[]): GPUCommandBuffer {
  const encoder = gpu.createCommandEncoder({ label: "run" });
  const encoding = encoder.beginComputePass({ label: "run" });
  for (const [i, { pass, name }] of program.dispatches.entries()) {
    encoding.pushDebugGroup(name);
    encoding.setPipeline(pipelines[i].gpu!);
    encoding.setBindGroup(0, groups[i]);
    encoding.dispatchWorkgroups(...pass.workgroups);
    encoding.popDebugGroup();
  }
  encoding.end();
  return encoder.finish();
}
