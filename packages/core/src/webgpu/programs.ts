/** A plan as dispatches: its kernels printed, their bindings resolved to external buffers and shared objects. */

import type { Kernel, Plan, PlannedKernel, Slot } from "../kernel.js";
import { shareSlots } from "../pack.js";
import { type Binding, ELEMENT_BYTES, type KernelProgram, type Pass, type Printer, type Target } from "./program.js";

/** What a binding of a dispatch is in a run. */
export interface Operand {
  readonly of: "external" | "object";
  readonly index: number;
  readonly piece: number;
  /** Which of the piece's bytes. */
  readonly offset: number;
  readonly bytes: number;
}

export interface Dispatch {
  readonly pass: Pass;
  /** The kernel, with its sizes. */
  readonly name: string;
  readonly operands: readonly Operand[];
}

export interface PlanProgram {
  readonly dispatches: readonly Dispatch[];
  /** Bytes of the shared objects: memory that a run takes besides its externals. */
  readonly objects: readonly number[];
  /** Dispatches by kind of kernel. */
  readonly launches: Readonly<Record<string, number>>;
}

/** Prints a plan. Pure: nothing is asked of a device. */
export function programOf(plan: Plan, print: Printer, target: Target): PlanProgram {
  const bytesOf = ({ buffers }: PlannedKernel, i: number): number =>
    buffers[i].kind === "slot" ? plan.slots[buffers[i].index].bytes : plan.externals[buffers[i].index];
  const programs = plan.kernels.map((planned) => {
    const elements = planned.buffers.map((_, i) => bytesOf(planned, i) / ELEMENT_BYTES);
    return print(planned.kernel, elements, target);
  });
  const intermediates = intermediatesOf(plan, programs);
  const { places, sizes } = shareSlots(intermediates.slots, intermediates.apart, pieceBytes(target));
  const launches: Record<string, number> = {};
  const dispatches = plan.kernels.flatMap((planned, k) => {
    const operand = (binding: Binding): Operand => {
      const { piece, index } = binding;
      const slot = intermediates.slotOf(k, binding);
      const bytes = slot === undefined ? bytesOf(planned, index) : intermediates.slots[slot].bytes;
      const part = { piece, bytes: Math.min(bytes - piece * pieceBytes(target), pieceBytes(target)) };
      if (slot === undefined) return { of: "external", index: planned.buffers[index].index, offset: 0, ...part };
      return { of: "object", index: places[slot].object, offset: places[slot].offset, ...part };
    };
    const { kind } = planned.kernel;
    const { passes } = programs[k];
    if (passes.length > 0) launches[kind] = (launches[kind] ?? 0) + passes.length;
    const name = describe(planned.kernel);
    return passes.map((pass) => ({ pass, name, operands: pass.bindings.map(operand) }));
  });
  return { dispatches, objects: sizes, launches };
}

/** Bytes that a run of a plan takes besides its externals. */
export const workspaceBytes = (plan: Plan, print: Printer, target: Target): number =>
  programOf(plan, print, target).objects.reduce((sum, bytes) => sum + bytes, 0);

export const pieceBytes = ({ pieceElements }: Target): number => pieceElements * ELEMENT_BYTES;

/** What shares memory: the plan's slots, and scratch, which lives while its kernel runs. */
function intermediatesOf(plan: Plan, programs: readonly KernelProgram[]) {
  const slots: Slot[] = [...plan.slots];
  const firstScratch = programs.map(({ scratch }, kernel) => {
    const first = slots.length;
    for (const elements of scratch) slots.push({ bytes: elements * ELEMENT_BYTES, first: kernel, last: kernel });
    return first;
  });
  /** The number in `slots` of what a kernel binds; none for external memory. */
  const slotOf = (k: number, { of, index }: Binding): number | undefined => {
    if (of === "scratch") return firstScratch[k] + index;
    const ref = plan.kernels[k].buffers[index];
    return ref.kind === "slot" ? ref.index : undefined;
  };
  const apart: [number, number][] = [];
  for (const [k, { passes }] of programs.entries())
    for (const { bindings } of passes) {
      const slotsOf = (writable: boolean): number[] =>
        bindings.filter((b) => b.writable === writable).flatMap((b) => slotOf(k, b) ?? []);
      for (const written of slotsOf(true)) for (const read of slotsOf(false)) apart.push([written, read]);
    }
  return { slots, apart, slotOf };
}

/** A kernel in words, for errors and labels. */
function describe(kernel: Kernel): string {
  const sizes = (list: readonly number[]): string => list.join("×") || "1";
  switch (kernel.kind) {
    case "loop": {
      const inner = kernel.inner.length > 0 ? ` of ${sizes(kernel.inner)}` : "";
      return `${kernel.name} [${sizes(kernel.rows)}${inner}]`;
    }
    case "matmul":
      return `${kernel.name} [${sizes([...kernel.batch, kernel.m, kernel.n])} over ${kernel.k}]`;
    case "scan":
    case "sort":
      return `${kernel.name} [${sizes(kernel.rows)} of ${kernel.length}]`;
    default: {
      const { n, groups, ic, oc, ih, iw, oh, ow, kh, kw } = kernel.shape;
      const x = sizes([n, groups * ic, ih, iw]);
      return `${kernel.name} [${x} by ${sizes([kh, kw])} to ${sizes([n, groups * oc, oh, ow])}]`;
    }
  }
}
