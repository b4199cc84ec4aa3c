/**
 * A compute shader under construction: declares the storage buffers that a kernel touches, remembers which functions
 * its text calls, and puts it all together as one `Pass`.
 *
 * A buffer larger than a binding lies in pieces, each a binding of its own; only the pieces that the kernel reaches are
 * bound. Texts that load and store hide this: a buffer of one piece is indexed as it is, one of several through a
 * function that picks the piece.
 */

import type { ComputeDType } from "../../dtype.js";
import { DeviceError } from "../../errors.js";
import type { Scalar } from "../../expr.js";
import type { Access } from "../../kernel.js";
import type { Use } from "../../uses.js";
import type { Binding, Pass, Target } from "../program.js";
import { MATH, type MathName } from "./math.js";

/** Scratch of a program that the pass reads or writes. */
export interface ScratchUse {
  /** Position in the program's `scratch`. */
  readonly index: number;
  readonly elements: number;
  /** f32 where left out. */
  readonly type?: "f32" | "i32" | "u32";
  readonly write: boolean;
}

/** WGSL's type of a stored element. */
const STORED: Readonly<Record<ComputeDType, "f32" | "i32" | "u32">> = {
  float32: "f32",
  float16: "f32",
  int32: "i32",
  uint8: "i32",
  bool: "u32",
};

/** The elements from the lowest address to the highest that an access can touch, within a buffer of `elements`. */
export function reachOf({ access, sizes }: Use, elements: number): { low: number; high: number } {
  let low = access.offset;
  let high = access.offset;
  const widen = (stride: number, size: number): void => {
    if (stride < 0) low += stride * Math.max(size - 1, 0);
    else high += stride * Math.max(size - 1, 0);
  };
  access.strides.forEach((stride, d) => {
    widen(stride, sizes[d]);
  });
  for (const { stride, size } of access.indirect) widen(stride, size);
  // Where bounds hold back a load, the address may lie outside.
  const inside = (address: number): number => Math.max(0, Math.min(address, elements - 1));
  return { low: inside(low), high: inside(high) };
}

/** A buffer as the shader knows it. */
interface Declared {
  readonly name: string;
  readonly of: Binding["of"];
  readonly index: number;
  readonly type: "f32" | "i32" | "u32";
  writable: boolean;
  read: boolean;
  first: number;
  last: number;
}

export class Shader {
  private readonly declared = new Map<string, Declared>();
  private readonly functions = new Set<MathName>();
  private readonly declarations: string[] = [];
  /** Vectors of four uniform words, up to the last that is read. */
  private uniformVectors = 0;
  /** Whether a text reads `nothing`, a 0 that only the run shows. */
  private usesNothing = false;

  /** `elements[i]` is the size of the kernel's buffer i. */
  constructor(
    readonly target: Target,
    elements: readonly number[],
    uses: readonly Use[],
    scratch: readonly ScratchUse[] = [],
  ) {
    const piece = (element: number): number => Math.floor(element / target.pieceElements);
    for (const use of uses) {
      const { buffer, dtype } = use.access;
      const { low, high } = reachOf(use, elements[buffer]);
      this.declare("kernel", buffer, STORED[dtype], use.write, piece(low), piece(high));
    }
    for (const { index, elements, type = "f32", write } of scratch)
      this.declare("scratch", index, type, write, 0, piece(Math.max(elements - 1, 0)));
  }

  private declare(
    of: Binding["of"],
    index: number,
    type: Declared["type"],
    write: boolean,
    first: number,
    last: number,
  ): void {
    const name = of === "kernel" ? `b${index}` : `s${index}`;
    const known = this.declared.get(name);
    if (!known) {
      this.declared.set(name, { name, of, index, type, writable: write, read: !write, first, last });
      return;
    }
    if (known.type !== type) throw new DeviceError(`a kernel reads one buffer as ${known.type} and as ${type}`);
    known.writable ||= write;
    known.read ||= !write;
    known.first = Math.min(known.first, first);
    known.last = Math.max(known.last, last);
  }

  /** The element of a kernel's buffer at an address (text of an i32), as the scalar that the dtype loads into. */
  load({ buffer, dtype }: Access, address: string): string {
    const word = this.word(this.declared.get(`b${buffer}`)!, address);
    return dtype === "bool" ? `(${word} != 0u)` : word;
  }

  /** The statement that stores a scalar at an address of a kernel's buffer. */
  store({ buffer, dtype }: Access, address: string, value: string): string {
    const stored =
      dtype === "bool"
        ? `u32(${value})`
        : dtype === "uint8"
          ? `${value} & 255`
          : dtype === "float16"
            ? this.call("k_round_f16", value)
            : value;
    return this.assign(this.declared.get(`b${buffer}`)!, address, stored);
  }

  loadScratch(index: number, address: string): string {
    return this.word(this.declared.get(`s${index}`)!, address);
  }

  storeScratch(index: number, address: string, value: string): string {
    return this.assign(this.declared.get(`s${index}`)!, address, value);
  }

  private word({ name, first, last }: Declared, address: string): string {
    return first === last ? `${name}[${this.within(address, first)}]` : `load_${name}(${address})`;
  }

  private assign({ name, first, last }: Declared, address: string, value: string): string {
    return first === last
      ? `${name}[${this.within(address, first)}] = ${value};`
      : `store_${name}(${address}, ${value});`;
  }

  private within(address: string, piece: number): string {
    return piece === 0 ? address : `${address} - ${piece * this.target.pieceElements}`;
  }

  /** The call of a function of `MATH`, which then becomes part of the shader. */
  call(name: MathName, ...args: string[]): string {
    const add = (f: MathName): void => {
      if (this.functions.has(f)) return;
      for (const used of MATH[f].uses) add(used);
      this.functions.add(f);
    };
    add(name);
    return `${name}(${args.join(", ")})`;
  }

  /** The plan's uniform number `slot` as a scalar. */
  uniform(slot: number, type: Scalar): string {
    this.uniformVectors = Math.max(this.uniformVectors, (slot >> 2) + 1);
    const word = `uniforms[${slot >> 2}].${"xyzw"[slot & 3]}`;
    return type === "u32" ? word : type === "bool" ? `(${word} != 0u)` : `bitcast<${type}>(${word})`;
  }

  /** The text of an f32 whose bits no compiler knows, even if it knows those of `value`. */
  unknown(value: string): string {
    this.usesNothing = true;
    return `bitcast<f32>(bitcast<u32>(${value}) | nothing)`;
  }

  /** Adds declarations at module scope: constants, workgroup variables, functions of the kernel. */
  define(text: string): void {
    this.declarations.push(text);
  }

  /** The finished pass. Its body knows `group` (the workgroup's position) and `local` (the invocation's number in it). */
  finish(options: {
    readonly title: string;
    readonly workgroupSize: readonly [number, number, number];
    readonly workgroups: readonly [number, number, number];
    readonly body: string;
  }): Pass {
    const { title, workgroupSize, workgroups, body } = options;
    const bindings: Binding[] = [];
    const parts: string[] = [];
    for (const b of this.declared.values()) {
      for (let piece = b.first; piece <= b.last; piece++) {
        const name = b.first === b.last ? b.name : `${b.name}_${piece}`;
        const mode = b.writable ? "read_write" : "read";
        parts.push(`@group(0) @binding(${bindings.length}) var<storage, ${mode}> ${name}: array<${b.type}>;`);
        bindings.push({ of: b.of, index: b.index, piece, writable: b.writable });
      }
    }
    const vectors = this.uniformVectors;
    if (vectors > 0)
      parts.push(`@group(0) @binding(${bindings.length}) var<uniform> uniforms: array<vec4<u32>, ${vectors}>;`);
    for (const b of this.declared.values()) if (b.last > b.first) parts.push(...this.pieceFunctions(b));
    for (const f of this.functions) parts.push(MATH[f].text.trim());
    parts.push(...this.declarations);
    if (this.usesNothing) parts.push("var<private> nothing: u32;");
    // Workgroups are in two dimensions at most.
    const begin = this.usesNothing ? `nothing = group.z;\n${body}` : body;
    const size = workgroupSize.join(", ");
    parts.push(
      `@compute @workgroup_size(${size})\nfn main(@builtin(workgroup_id) group: vec3<u32>, ` +
        `@builtin(local_invocation_index) local: u32) {\n${indent(begin)}\n}`,
    );
    return { code: `// ${title}\n${parts.join("\n")}\n`, bindings, uniforms: vectors > 0, workgroups };
  }

  /** Functions that pick the piece in which an address lies. */
  private pieceFunctions({ name, type, writable, read, first, last }: Declared): string[] {
    const { pieceElements } = this.target;
    const cases = (act: (element: string) => string): string => {
      const lines: string[] = [];
      for (let piece = first; piece <= last; piece++) {
        const element = `${name}_${piece}[i - ${piece * pieceElements}]`;
        lines.push(piece < last ? `if (i < ${(piece + 1) * pieceElements}) { ${act(element)} }` : act(element));
      }
      return indent(lines.join("\n"));
    };
    const functions: string[] = [];
    if (read) functions.push(`fn load_${name}(i: i32) -> ${type} {\n${cases((e) => `return ${e};`)}\n}`);
    if (writable) functions.push(`fn store_${name}(i: i32, x: ${type}) {\n${cases((e) => `${e} = x; return;`)}\n}`);
    return functions;
  }
}

/** Text moved one level to the right. */
export const indent = (text: string): string => text.replace(/^(?=.)/gm, "  ");

/** Workgroups in two dimensions that are at least `count`, and the number of the current one among them (u32); groups
 *  from `count` on must do nothing. */
export function linearGroups(count: number, target: Target): { workgroups: [number, number, number]; number: string } {
  if (count <= target.workgroups) return { workgroups: [Math.max(count, 1), 1, 1], number: "group.x" };
  const across = Math.ceil(count / Math.ceil(count / target.workgroups));
  const down = Math.ceil(count / across);
  if (down > target.workgroups) throw new DeviceError(`a kernel of ${count} workgroups is more than a dispatch takes`);
  return { workgroups: [across, down, 1], number: `(group.y * ${across}u + group.x)` };
}
