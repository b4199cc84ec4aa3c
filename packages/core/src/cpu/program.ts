/**
 * A plan as the commands that run it: one image of words, copied into the ring for each run, and tables of the words in
 * it that differ from run to run. A kernel's parameters travel in the command, so they need no memory of their own.
 */

import { DeviceError } from "../errors.js";
import type { BufferRef, Slot } from "../kernel.js";
import { packSlots } from "../pack.js";
import type { CpuStage, Prepared } from "./kernel.js";
import { LAYOUT as L } from "./layout.js";
import { alignUp } from "./memory.js";
import type { Place } from "./prepared.js";
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
  readonly prepared?: Prepared;
  /** Number of its name. */
  readonly name: number;
  readonly buffers: readonly BufferRef[];
  /** As the plan counts them. */
  readonly flops: number;
  readonly bytes: number;
}

/** What a command lists: a stage, the kernel that it belongs to, and the slots that are that kernel's own memory. */
interface Entry extends LoadedStage {
  readonly kernel: LoadedKernel;
  readonly own: Readonly<Record<"workspace" | "prepared", BufferRef>>;
}

/** Words of a run's commands. */
interface Words {
  readonly command: number;
  readonly word: number;
}

/** An operand that may be kept in the form in which a kernel wants it. */
export interface Preparation {
  /** The external buffer, and what tells what is made of it. */
  readonly external: number;
  readonly key: string;
  readonly bytes: number;
  /** The tasks of the stage that makes it, and the word that says how many. */
  readonly tasks: Words & { readonly count: number };
  /** Addresses within it. */
  readonly addresses: readonly (Words & { readonly byteOffset: number })[];
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
  readonly preparations: readonly Preparation[];
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
  /** For each preparation where it is kept, or undefined where it is not. */
  readonly kept: readonly (Place | undefined)[];
}

/** Nanoseconds that one thread takes for a kernel, roughly: 4 FLOP or 8 bytes each. */
export const estimate = ({ flops, bytes }: { readonly flops: number; readonly bytes: number }): number =>
  flops / 4 + bytes / 8;

/**
 * Tasks that a thread takes at least, so that handing them out costs little: about 2 µs of work. The stages of a kernel
 * are taken to do equal parts of it.
 */
function leastChunk({ stage: { tasks }, kernel }: Entry): number {
  const nanoseconds = estimate(kernel) / kernel.stages.length;
  return nanoseconds > 0 ? Math.min(tasks, Math.ceil((tasks * 2000) / nanoseconds)) : 1;
}

const PARAMS_ALIGN = 4;
const paramsWords = ({ stage }: Entry): number => alignUp(stage.params.length, PARAMS_ALIGN);

/**
 * A kernel's own memory is slots that live as long as it does, so it lies where others are not yet, or no longer, needed.
 * `written` are numbers of externals of which nothing can be kept.
 */
export function encodeProgram(
  kernels: readonly LoadedKernel[],
  slots: readonly Slot[],
  written: readonly number[] = [],
): Program {
  const all = [...slots];
  const entries = kernels.flatMap((kernel, i) => {
    const memory = (bytes: number): BufferRef => {
      if (bytes > 0) all.push({ bytes, first: i, last: i });
      return { kind: "slot", index: all.length - 1 };
    };
    const own = { workspace: memory(kernel.workspace), prepared: memory(kernel.prepared?.bytes ?? 0) };
    // What ends in a stage without tasks writes nothing.
    const busy = kernel.stages.at(-1)!.stage.tasks > 0 ? kernel.stages : [];
    return busy.map((loaded): Entry => ({ ...loaded, kernel, own }));
  });
  const { offsets, bytes: slotBytes } = packSlots(all);
  // Nobody would finish the last of no tasks.
  const parts = split(entries.filter(({ stage }) => stage.tasks > 0));
  return {
    commands: parts.map((part) => encodeCommand(part, offsets)),
    preparations: preparationsOf(parts).filter(({ external }) => !written.includes(external)),
    slotBytes,
    scratch: alignUp(Math.max(0, ...entries.map(({ stage }) => stage.scratch))),
  };
}

/** Words of the parameters of each entry of a command. */
function placeParams(entries: readonly Entry[]): { params: number[]; length: number } {
  let end = L.header + entries.length * L.entry;
  const params = entries.map((e) => {
    const at = end;
    end += paramsWords(e);
    return at;
  });
  return { params, length: alignUp(end, L.commandAlign) };
}

const entryWord = (entry: number, word: number): number => L.header + entry * L.entry + word;

/** What kernels prepare of external buffers. */
function preparationsOf(parts: readonly (readonly Entry[])[]): Preparation[] {
  const found = new Map<LoadedKernel, { -readonly [K in keyof Preparation]: Preparation[K] }>();
  parts.forEach((entries, command) => {
    const { params } = placeParams(entries);
    entries.forEach(({ kernel, stage }, i) => {
      if (!kernel.prepared) return;
      const buffer = kernel.buffers[kernel.prepared.buffer];
      if (buffer.kind !== "external") return;
      let preparation = found.get(kernel);
      if (!preparation) {
        const tasks = { command, word: entryWord(i, L.entryTasks), count: stage.tasks };
        // Where an operand begins is no parameter yet: the parameters of a network may all lie in one buffer.
        const key = [stage.code.key, ...stage.params, ...stage.addresses.map((a) => a.byteOffset)].join();
        preparation = { external: buffer.index, key, bytes: kernel.prepared.bytes, tasks, addresses: [] };
        found.set(kernel, preparation);
      }
      const words = stage.addresses.filter((address) => address.buffer === "prepared");
      preparation.addresses = [
        ...preparation.addresses,
        ...words.map(({ word, byteOffset }) => ({ command, word: params[i] + word, byteOffset })),
      ];
    });
  });
  return [...found.values()];
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
  const { params: places, length } = placeParams(entries);
  const image = new Int32Array(length);
  image.set([L.opRun, length, entries.length]);
  const externals: number[] = [];
  const slots: number[] = [];
  const uniforms: number[] = [];
  entries.forEach((e, i) => {
    const { stage, kernel, own } = e;
    const params = places[i];
    image[entryWord(i, L.entryFunction)] = e.function;
    image[entryWord(i, L.entryParams)] = 4 * params;
    image[entryWord(i, L.entryTasks)] = stage.tasks;
    image[entryWord(i, L.entryName)] = kernel.name;
    image[entryWord(i, L.entryLeast)] = leastChunk(e);
    image.set(stage.params, params);
    for (const { word, buffer, byteOffset } of stage.addresses) {
      const ref = typeof buffer === "number" ? kernel.buffers[buffer] : own[buffer];
      if (ref.kind === "external") externals.push(params + word, ref.index, byteOffset);
      else slots.push(params + word, slotOffsets[ref.index] + byteOffset);
    }
    for (const { word, slot } of stage.uniforms) uniforms.push(params + word, slot);
  });
  return {
    image,
    externals: Int32Array.from(externals),
    slots: Int32Array.from(slots),
    uniforms: Int32Array.from(uniforms),
  };
}

/** Writes what this run needs into the images, and gives them. */
export function bindProgram({ commands, preparations, scratch }: Program, binding: Binding): Int32Array[] {
  for (const { image, externals, slots, uniforms } of commands) {
    image[5] = binding.scratch;
    image[6] = scratch;
    for (let i = 0; i < externals.length; i += 3)
      image[externals[i]] = binding.externals[externals[i + 1]] + externals[i + 2];
    for (let i = 0; i < slots.length; i += 2) image[slots[i]] = binding.slots + slots[i + 1];
    for (let i = 0; i < uniforms.length; i += 2) image[uniforms[i]] = binding.uniforms[uniforms[i + 1]];
  }
  preparations.forEach(({ tasks, addresses }, i) => {
    const kept = binding.kept[i];
    commands[tasks.command].image[tasks.word] = kept?.filled ? 0 : tasks.count;
    if (kept)
      for (const { command, word, byteOffset } of addresses) commands[command].image[word] = kept.address + byteOffset;
  });
  return commands.map(({ image }) => image);
}
