/**
 * A plan as the commands that run it: one image of words, copied into the ring for each run, and tables of the words in
 * it that differ from run to run. A kernel's parameters travel in the command, so they need no memory of their own.
 */

import { DeviceError } from "../errors.js";
import type { BufferRef, Slot } from "../kernel.js";
import { packSlots } from "../pack.js";
import type { CpuStage } from "./kernel.js";
import { LAYOUT as L } from "./layout.js";
import { alignUp } from "./memory.js";
import { MAX_COMMAND_WORDS } from "./queue.js";

/** A stage whose code the threads know, by number. */
export interface LoadedStage {
  readonly stage: CpuStage;
  readonly function: number;
}

/** A kernel that the threads know. */
export interface LoadedKernel {
  readonly stages: readonly LoadedStage[];
  /** Bytes. */
  readonly workspace: number;
  /** Number of its name. */
  readonly name: number;
  readonly buffers: readonly BufferRef[];
  /** As the plan counts them. */
  readonly flops: number;
  readonly bytes: number;
}

/** What a command lists: a stage, the kernel that it belongs to, and the slot that is that kernel's workspace. */
interface Entry extends LoadedStage {
  readonly kernel: LoadedKernel;
  readonly workspace: BufferRef;
}

interface Command {
  readonly image: Int32Array;
  /** Triples: word, external buffer, byte offset. */
  readonly externals: Int32Array;
  /** Pairs: word, byte offset from the first slot. */
  readonly slots: Int32Array;
  /** Pairs: word, uniform. */
  readonly uniforms: Int32Array;
}

export interface Program {
  readonly commands: readonly Command[];
  /** Bytes of all slots and workspaces, which lie in one piece. */
  readonly slotBytes: number;
  /** Bytes of scratch for each thread. */
  readonly scratch: number;
}

/** Where a run finds memory. */
export interface Binding {
  /** Addresses of the external buffers. */
  readonly externals: readonly number[];
  /** Address of the slots. */
  readonly slots: number;
  /** Address of the first thread's scratch; the others' follow. */
  readonly scratch: number;
  readonly uniforms: Uint32Array;
}

/**
 * Tasks that a thread takes at least, so that handing them out costs little: about 2 µs of work, at 4 FLOP or 8 bytes a
 * nanosecond. The stages of a kernel are taken to do equal parts of it.
 */
function leastChunk({ stage: { tasks }, kernel: { stages, flops, bytes } }: Entry): number {
  const nanoseconds = (flops / 4 + bytes / 8) / stages.length;
  return nanoseconds > 0 ? Math.min(tasks, Math.ceil((tasks * 2000) / nanoseconds)) : 1;
}

const PARAMS_ALIGN = 4;
const paramsWords = ({ stage }: Entry): number => alignUp(stage.params.length, PARAMS_ALIGN);

/** A workspace is a slot that lives as long as its kernel, so it lies where others are not yet, or no longer, needed. */
export function encodeProgram(kernels: readonly LoadedKernel[], slots: readonly Slot[]): Program {
  const all = [...slots];
  const entries = kernels.flatMap((kernel, i) => {
    const workspace: BufferRef = { kind: "slot", index: all.length };
    if (kernel.workspace > 0) all.push({ bytes: kernel.workspace, first: i, last: i });
    return kernel.stages.map((loaded): Entry => ({ ...loaded, kernel, workspace }));
  });
  const { offsets, bytes: slotBytes } = packSlots(all);
  // Nobody would finish the last of no tasks.
  const busy = entries.filter(({ stage }) => stage.tasks > 0);
  return {
    commands: split(busy).map((part) => encodeCommand(part, offsets)),
    slotBytes,
    scratch: alignUp(Math.max(0, ...busy.map(({ stage }) => stage.scratch))),
  };
}

/** Cuts a list of stages into parts that fit a command. */
function split(entries: readonly Entry[]): Entry[][] {
  const parts: Entry[][] = [];
  let room = 0;
  for (const e of entries) {
    const words = L.entry + paramsWords(e);
    if (words > MAX_COMMAND_WORDS - 2 * L.header)
      throw new DeviceError(
        `a kernel has ${e.stage.params.length} words of parameters, more than the cpu device takes`,
      );
    if (words > room) {
      parts.push([]);
      room = MAX_COMMAND_WORDS - 2 * L.header;
    }
    parts[parts.length - 1].push(e);
    room -= words;
  }
  return parts;
}

function encodeCommand(entries: readonly Entry[], slotOffsets: readonly number[]): Command {
  let params = L.header + entries.length * L.entry;
  const length = alignUp(
    entries.reduce((words, e) => words + paramsWords(e), params),
    L.commandAlign,
  );
  const image = new Int32Array(length);
  image.set([L.opRun, length, entries.length]);
  const externals: number[] = [];
  const slots: number[] = [];
  const uniforms: number[] = [];
  entries.forEach((e, i) => {
    const { stage, kernel, workspace } = e;
    const entry = L.header + i * L.entry;
    image[entry + L.entryFunction] = e.function;
    image[entry + L.entryParams] = 4 * params;
    image[entry + L.entryTasks] = stage.tasks;
    image[entry + L.entryName] = kernel.name;
    image[entry + L.entryLeast] = leastChunk(e);
    image.set(stage.params, params);
    for (const { word, buffer, byteOffset } of stage.addresses) {
      const ref = buffer === "workspace" ? workspace : kernel.buffers[buffer];
      if (ref.kind === "external") externals.push(params + word, ref.index, byteOffset);
      else slots.push(params + word, slotOffsets[ref.index] + byteOffset);
    }
    for (const { word, slot } of stage.uniforms) uniforms.push(params + word, slot);
    params += paramsWords(e);
  });
  return {
    image,
    externals: Int32Array.from(externals),
    slots: Int32Array.from(slots),
    uniforms: Int32Array.from(uniforms),
  };
}

/** Writes what this run needs into the images, and gives them. */
export function bindProgram(program: Program, binding: Binding): Int32Array[] {
  return program.commands.map(({ image, externals, slots, uniforms }) => {
    image[5] = binding.scratch;
    image[6] = program.scratch;
    for (let i = 0; i < externals.length; i += 3)
      image[externals[i]] = binding.externals[externals[i + 1]] + externals[i + 2];
    for (let i = 0; i < slots.length; i += 2) image[slots[i]] = binding.slots + slots[i + 1];
    for (let i = 0; i < uniforms.length; i += 2) image[uniforms[i]] = binding.uniforms[uniforms[i + 1]];
    return image;
  });
}
