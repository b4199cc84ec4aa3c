/**
 * Where each value lives: an external buffer, planned scratch, or a part of a concatenation that its producer writes
 * directly. State is overwritten in place after all readers of the old value; where that can not be, the new value is
 * made aside and copied at the end.
 */

import { contiguousStrides } from "../node.js";
import { addForms, affine, constantForm, type Form, ownForms, sameForm } from "./forms.js";
import { copyOf, Group, type Surroundings } from "./group.js";
import { type KernelBuilder, Materialize } from "./kernel-builder.js";
import type { LoopUnit, Scheduler, TemplateUnit, Unit } from "./schedule.js";
import type { Trace, Vertex } from "./trace.js";

export type Work = LoopUnit | TemplateUnit;

/** A buffer of the plan: external number n as "x<n>", scratch of vertex n as "t<n>". */
export type BufferKey = string;

export interface Place {
  readonly buffer: BufferKey;
  readonly offset: number;
  /** Element strides over the vertex's dimensions. */
  readonly strides: readonly number[];
  /** Whether the vertex is one row-major block. */
  readonly dense: boolean;
}

const externalKey = (n: number): BufferKey => `x${n}`;

export class Placement {
  readonly places = new Map<Vertex, Place>();
  readonly works: Work[] = [];
  /** The unit that computes a vertex. */
  private readonly makers = new Map<Vertex, Work>();
  /** What a concatenation consists of. */
  private readonly parts = new Map<Vertex, Vertex[]>();
  /** Vertices that must be stored even if no unit reads them: roots, parts and copies. */
  private readonly kept = new Set<Vertex>();
  /** What the copies of those parts of concatenations will read that no unit can write there. */
  private readonly copyReads = new Set<Vertex>();
  /** The units that read a vertex. */
  private readonly readers = new Map<Vertex, Set<Work>>();
  /** Readers of old values that must run before a unit which overwrites them. */
  private readonly after = new Map<Work, Set<Work>>();
  private readonly around: Surroundings = {
    inMemory: (v) => v.op.kind === "leaf" || this.scheduler.materialized.has(v),
    buffer: (v) => this.bufferOf(v),
  };
  private nextId: number;

  constructor(
    private readonly graph: Trace,
    private readonly scheduler: Scheduler,
  ) {
    this.nextId = graph.vertices.length;
    for (const u of scheduler.units) if (u.kind !== "cat") this.addWork(u);
    this.placeRoots();
    this.findCopyReads();
    // Users of a concatenation come after it; an outer one takes an inner one as a plain part.
    for (const u of [...scheduler.units].reverse()) if (u.kind === "cat") this.placeParts(u.vertex);
    this.avoidHazards();
  }

  placeOf(v: Vertex): Place {
    let p = this.places.get(v);
    if (!p) {
      p = dense(v.op.kind === "leaf" ? externalKey(v.slot) : `t${v.id}`, 0, v.shape);
      this.places.set(v, p);
    }
    return p;
  }

  reads(unit: Unit): readonly Vertex[] {
    return unit.kind === "cat" ? [] : this.scheduler.unitReads(unit);
  }

  /** Vertices that a unit stores: those that must stay, and those that another unit reads. */
  stored(unit: Work): Vertex[] {
    const wanted = (v: Vertex): boolean => this.kept.has(v) || this.readersOf(v).some((w) => w !== unit);
    return made(unit).filter(wanted);
  }

  /** Units that must have run before `unit`. */
  dependencies(unit: Work): Set<Work> {
    const result = new Set<Work>();
    for (const v of this.reads(unit)) for (const w of this.writersOf(v)) if (w !== unit) result.add(w);
    for (const r of this.after.get(unit) ?? []) result.add(r);
    return result;
  }

  /** A unit that computes an elementwise value from what is in memory and `at` hand; null where one kernel cannot. */
  alone(v: Vertex, at: (input: Vertex) => boolean): LoopUnit | null {
    const inMemory = (input: Vertex): boolean => this.around.inMemory(input) && at(input);
    try {
      return { kind: "loop", group: Group.of(v, { ...this.around, inMemory }) };
    } catch (error) {
      if (error instanceof Materialize) return null;
      throw error;
    }
  }

  private addWork(unit: Work): void {
    this.works.push(unit);
    for (const v of made(unit)) this.makers.set(v, unit);
    for (const v of this.reads(unit)) {
      const set = this.readers.get(v);
      if (set) set.add(unit);
      else this.readers.set(v, new Set([unit]));
    }
  }

  private readersOf(v: Vertex): Work[] {
    return [...(this.readers.get(v) ?? [])];
  }

  /** A unit that copies what `v` is into memory of its own. */
  private copy(v: Vertex, place: Place): Vertex {
    const copied = copyOf(v, this.nextId++);
    this.places.set(copied, place);
    this.kept.add(copied);
    this.addWork({ kind: "loop", group: Group.of(copied, this.around) });
    return copied;
  }

  private placeRoots(): void {
    for (const { vertex, target } of this.graph.roots) {
      const place = dense(externalKey(target), 0, vertex.shape);
      if (vertex.op.kind === "leaf" || this.places.has(vertex)) this.copy(vertex, place);
      else {
        this.places.set(vertex, place);
        this.kept.add(vertex);
      }
    }
  }

  /** Gives the parts of a concatenation their place in it. */
  private placeParts(whole: Vertex): void {
    if (whole.op.kind !== "cat") return;
    const dim = whole.op.dim;
    const { buffer, offset, strides, dense: block } = this.placeOf(whole);
    const leading = whole.shape.slice(0, dim).every((d) => d === 1);
    const parts: Vertex[] = [];
    let at = 0;
    for (const part of whole.inputs) {
      const base = this.baseOf(part);
      const start = offset + at * strides[dim];
      at += part.shape[dim];
      const contiguous = block && leading;
      const place = (v: Vertex): Place | null =>
        contiguous ? dense(buffer, start, v.shape) : within(buffer, start, v.shape, part.shape, strides);
      const own = place(base);
      if (own && this.mayWriteInto(base, buffer, contiguous)) {
        this.places.set(base, own);
        this.kept.add(base);
        parts.push(base);
      } else parts.push(this.copy(part, place(part)!));
    }
    this.parts.set(whole, parts);
  }

  /** A part of a concatenation without the reshapes that only rename its positions. */
  private baseOf(part: Vertex): Vertex {
    let base = part;
    while (base.op.kind === "move" && base.op.move.type === "reshape" && !this.scheduler.materialized.has(base))
      base = base.inputs[0];
    return base;
  }

  /** Other parts of concatenations are copied: views of something, and what is a part for the second time. */
  private findCopyReads(): void {
    const once = new Set<Vertex>();
    for (const u of this.scheduler.units)
      for (const part of u.kind === "cat" ? u.vertex.inputs : []) {
        const base = this.baseOf(part);
        if (!this.scheduler.materialized.has(base)) for (const v of this.scheduler.reads(base)) this.copyReads.add(v);
        else if (once.has(base)) this.copyReads.add(base);
        else once.add(base);
      }
  }

  /** Whether the unit of `base` can write straight into a part of `buffer`. */
  private mayWriteInto(base: Vertex, buffer: BufferKey, contiguous: boolean): boolean {
    const unit = this.scheduler.unitFor(base);
    if (!unit || !this.scheduler.materialized.has(base) || this.places.has(base)) return false;
    // What does not lie in one piece can not be read by others.
    const isRead = this.copyReads.has(base) || this.readers.has(base);
    if (!contiguous && isRead) return false;
    return unit.kind === "cat" || !this.sharesBuffer(unit, base, buffer);
  }

  /** Units that write a vertex: its own, or those of its parts. */
  private writersOf(v: Vertex): Work[] {
    const maker = this.makers.get(v);
    return maker ? [maker] : (this.parts.get(v) ?? []).flatMap((p) => this.writersOf(p));
  }

  /** Whether writing `base` into `buffer` would make one kernel read and write that buffer. */
  private sharesBuffer(unit: Work, base: Vertex, buffer: BufferKey): boolean {
    if (this.reads(unit).some((v) => this.bufferOf(v) === buffer)) return true;
    return this.readersOf(base).some((w) => made(w).some((v) => this.places.get(v)?.buffer === buffer));
  }

  /** The buffer of a vertex, without settling its place. */
  private bufferOf(v: Vertex): BufferKey {
    return this.places.get(v)?.buffer ?? (v.op.kind === "leaf" ? externalKey(v.slot) : `t${v.id}`);
  }

  /** Orders overwriting after reading, and takes the way round where one kernel or a cycle forbids it. */
  private avoidHazards(): void {
    const oldReads = this.oldReads();
    const users = new Map<Work, Work[]>();
    const link = (from: Work, to: Work): void => {
      const list = users.get(from);
      if (list) list.push(to);
      else users.set(from, [to]);
    };
    for (const w of this.works) for (const d of this.dependencies(w)) link(d, w);
    for (const writer of [...this.works]) {
      for (const v of made(writer)) {
        const place = this.places.get(v);
        const reads = place && oldReads.get(place.buffer);
        if (!place || !reads) continue;
        const { low, high } = extent(place, v.shape);
        const readers = new Set(reads.filter((r) => r.low <= high && low <= r.high).map((r) => r.work));
        if (readers.size === 0) continue;
        const dependents = reachable(writer, users);
        const aside = [...readers].some((r) => (r === writer ? !this.inPlace(writer, v, place) : dependents.has(r)));
        let last = writer;
        if (aside) {
          this.places.delete(v);
          this.scheduler.materialized.add(v);
          last = this.makers.get(this.copy(v, place))!;
          link(writer, last);
        }
        const before = this.after.get(last) ?? new Set<Work>();
        for (const r of readers)
          if (r !== last) {
            before.add(r);
            link(r, last);
          }
        this.after.set(last, before);
      }
    }
  }

  /** Who reads which elements of externals as they were before the run. */
  private oldReads(): Map<BufferKey, { work: Work; low: number; high: number }[]> {
    const result = new Map<BufferKey, { work: Work; low: number; high: number }[]>();
    for (const work of this.works)
      for (const builder of builders(work))
        for (const { vertex, address } of builder.sources) {
          if (vertex.op.kind !== "leaf") continue;
          const key = externalKey(vertex.slot);
          const entry = { work, ...builder.range(address) };
          const list = result.get(key);
          if (list) list.push(entry);
          else result.set(key, [entry]);
        }
    return result;
  }

  /** Whether a unit reads the memory that it overwrites only at the very element that it writes. */
  private inPlace(unit: Work, v: Vertex, place: Place): boolean {
    const end = unit.kind === "template" ? unit.epilogue.builder : unit.group.built.builder;
    const forms =
      unit.kind === "template" ? ownForms(v.shape) : unit.group.built.members.find((m) => m.vertex === v)!.forms;
    const address = storeAddress(place, forms);
    return builders(unit).every((builder) =>
      builder.sources.every(
        (s) =>
          s.vertex.op.kind !== "leaf" ||
          externalKey(s.vertex.slot) !== place.buffer ||
          (builder === end && s.limits.length === 0 && sameForm(s.address, address)),
      ),
    );
  }

  /** The units in an order that keeps dependencies and otherwise the program's own. */
  ordered(): Work[] {
    const age = (u: Work): number => Math.max(...made(u).map((v) => v.order));
    const sorted = [...this.works].sort((a, b) => age(a) - age(b));
    const done = new Set<Work>();
    const result: Work[] = [];
    for (const root of sorted) {
      const stack: { unit: Work; todo: Work[] }[] = [];
      const enter = (unit: Work): void => {
        done.add(unit);
        stack.push({ unit, todo: [...this.dependencies(unit)].sort((a, b) => age(b) - age(a)) });
      };
      if (!done.has(root)) enter(root);
      while (stack.length) {
        const top = stack[stack.length - 1];
        const next = top.todo.pop();
        if (next === undefined) result.push(stack.pop()!.unit);
        else if (!done.has(next)) enter(next);
      }
    }
    return result;
  }
}

/** The place of a tensor of `shape` within a strided part of shape `part`, which has the same sizes but for ones. */
function within(
  buffer: BufferKey,
  offset: number,
  shape: readonly number[],
  part: readonly number[],
  strides: readonly number[],
): Place | null {
  const sizes = part.flatMap((d, i) => (d === 1 ? [] : [{ d, stride: strides[i] }]));
  const own = shape.filter((d) => d !== 1);
  if (own.length !== sizes.length || own.some((d, i) => d !== sizes[i].d)) return null;
  let next = 0;
  return { buffer, offset, strides: shape.map((d) => (d === 1 ? 0 : sizes[next++].stride)), dense: false };
}

/** Vertices that a unit computes. */
const made = (unit: Work): Vertex[] =>
  unit.kind === "template" ? [unit.result] : unit.group.members.map((m) => m.vertex);

const builders = (unit: Work): readonly KernelBuilder[] =>
  unit.kind === "template" ? [...unit.operands, unit.epilogue.builder] : [unit.group.built.builder];

/** First and last element of a place. */
function extent(place: Place, shape: readonly number[]): { low: number; high: number } {
  const span = shape.reduce((n, d, i) => n + (d - 1) * place.strides[i], 0);
  return { low: place.offset, high: place.offset + span };
}

function reachable(from: Work, users: ReadonlyMap<Work, readonly Work[]>): Set<Work> {
  const found = new Set<Work>();
  const stack = [from];
  while (stack.length) {
    for (const w of users.get(stack.pop()!) ?? [])
      if (!found.has(w)) {
        found.add(w);
        stack.push(w);
      }
  }
  return found;
}

const dense = (buffer: BufferKey, offset: number, shape: readonly number[]): Place => ({
  buffer,
  offset,
  strides: contiguousStrides(shape),
  dense: true,
});

/** Address of an element of a placed vertex. */
export const storeAddress = (place: Place, forms: readonly Form[]): Form =>
  forms.reduce((sum, f, i) => addForms(sum, f, place.strides[i]), constantForm(place.offset));

/** Address of an element whose row-major position is `address`. */
export const loadAddress = (place: Place, address: Form): Form => affine(address, 1, place.offset);
