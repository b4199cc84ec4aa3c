/**
 * Where each value lives: an external buffer, planned scratch, or a part of a concatenation that its producer writes
 * directly. State is overwritten in place after all readers of the old value; where that can not be, the new value is
 * made aside and copied at the end.
 */

import { scalarOf } from "../expr.js";
import { contiguousStrides } from "../node.js";
import * as S from "../ops/scalar.js";
import { addForms, affine, constantForm, type Form, sameForm } from "./forms.js";
import { Group } from "./group.js";
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

export const externalKey = (n: number): BufferKey => `x${n}`;

export class Placement {
  readonly places = new Map<Vertex, Place>();
  readonly works: Work[] = [];
  /** Units that write a vertex (several for a concatenation). */
  private readonly writers = new Map<Vertex, Work[]>();
  /** Vertices that must be stored even if no unit reads them: roots, parts and copies. */
  private readonly kept = new Set<Vertex>();
  private readers: Map<Vertex, Set<Work>> | null = null;
  /** Readers of old values that must run before a unit which overwrites them. */
  private readonly after = new Map<Work, Set<Work>>();
  private nextId: number;

  constructor(
    private readonly graph: Trace,
    private readonly scheduler: Scheduler,
  ) {
    this.nextId = graph.vertices.length;
    for (const u of scheduler.units) if (u.kind !== "cat") this.addWork(u);
    this.placeRoots();
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
    if (!this.readers) {
      this.readers = new Map();
      for (const w of this.works)
        for (const r of this.reads(w)) {
          const set = this.readers.get(r);
          if (set) set.add(w);
          else this.readers.set(r, new Set([w]));
        }
    }
    const wanted = (v: Vertex): boolean =>
      this.kept.has(v) || [...(this.readers!.get(v) ?? [])].some((w) => w !== unit);
    return made(unit).filter(wanted);
  }

  /** Units that must have run before `unit`. */
  dependencies(unit: Work): Set<Work> {
    const result = new Set<Work>();
    for (const v of this.reads(unit)) for (const w of this.writers.get(v) ?? []) if (w !== unit) result.add(w);
    for (const r of this.after.get(unit) ?? []) result.add(r);
    return result;
  }

  private addWork(unit: Work): void {
    this.works.push(unit);
    for (const v of made(unit)) this.addWriter(v, unit);
  }

  private addWriter(v: Vertex, unit: Work): void {
    const list = this.writers.get(v);
    if (list) list.push(unit);
    else this.writers.set(v, [unit]);
  }

  /** A unit that copies what `v` is into memory of its own. */
  private copy(v: Vertex, place: Place): Vertex {
    const op = { kind: "map", name: "copy", expr: S.arg(0, scalarOf(v.dtype)) } as const;
    const copied: Vertex = { ...v, id: this.nextId++, op, inputs: [v], slot: -1 };
    this.places.set(copied, place);
    this.kept.add(copied);
    const group = Group.of(copied, {
      inMemory: (u) => u.op.kind === "leaf" || this.scheduler.materialized.has(u),
      buffer: (u) => this.bufferOf(u),
    });
    this.addWork({ kind: "loop", group });
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
    let at = 0;
    for (const part of whole.inputs) {
      let base = part;
      while (base.op.kind === "move" && base.op.move.type === "reshape" && !this.scheduler.materialized.has(base))
        base = base.inputs[0];
      const start = offset + at * strides[dim];
      at += part.shape[dim];
      const contiguous = block && leading;
      const place = contiguous ? dense(buffer, start, base.shape) : { buffer, offset: start, strides, dense: false };
      const unit = this.scheduler.unitFor(base);
      const direct =
        unit !== undefined &&
        unit.kind !== "cat" &&
        this.scheduler.materialized.has(base) &&
        !this.places.has(base) &&
        (contiguous || (base === part && !this.works.some((w) => this.reads(w).includes(base)))) &&
        !this.sharesBuffer(unit, base, buffer);
      if (direct) {
        this.places.set(base, place);
        this.kept.add(base);
        this.addWriter(whole, unit as Work);
      } else {
        const copied = this.copy(part, contiguous ? dense(buffer, start, part.shape) : place);
        this.addWriter(whole, this.writers.get(copied)![0]);
      }
    }
  }

  /** Whether writing `base` into `buffer` would make one kernel read and write that buffer. */
  private sharesBuffer(unit: Work, base: Vertex, buffer: BufferKey): boolean {
    if (this.reads(unit).some((v) => this.bufferOf(v) === buffer)) return true;
    return this.works.some(
      (w) => this.reads(w).includes(base) && made(w).some((v) => this.places.get(v)?.buffer === buffer),
    );
  }

  /** The buffer of a vertex, without settling its place. */
  private bufferOf(v: Vertex): BufferKey {
    return this.places.get(v)?.buffer ?? (v.op.kind === "leaf" ? externalKey(v.slot) : `t${v.id}`);
  }

  /** Orders overwriting after reading, and takes the way round where one kernel or a cycle forbids it. */
  private avoidHazards(): void {
    const oldReaders = new Map<BufferKey, Work[]>();
    for (const w of this.works)
      for (const v of this.reads(w))
        if (v.op.kind === "leaf") {
          const key = externalKey(v.slot);
          const list = oldReaders.get(key);
          if (!list) oldReaders.set(key, [w]);
          else if (!list.includes(w)) list.push(w);
        }
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
        const readers = place && oldReaders.get(place.buffer);
        if (!place || !readers) continue;
        const dependents = reachable(writer, users);
        const aside = readers.some((r) => (r === writer ? !this.inPlace(writer, v, place) : dependents.has(r)));
        let last = writer;
        if (aside) {
          this.places.delete(v);
          this.scheduler.materialized.add(v);
          last = this.writers.get(this.copy(v, place))![0];
          this.readers = null;
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

  /** Whether a unit reads the memory that it overwrites only at the very element that it writes. */
  private inPlace(unit: Work, v: Vertex, place: Place): boolean {
    if (unit.kind === "template") return false;
    const { builder, members } = unit.group.built;
    const member = members.find((m) => m.vertex === v)!;
    const address = storeAddress(place, member.forms);
    return builder.sources.every(
      (s) =>
        s.vertex.op.kind !== "leaf" ||
        externalKey(s.vertex.slot) !== place.buffer ||
        (s.limits.length === 0 && sameForm(s.address, address)),
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

/** Vertices that a unit computes. */
const made = (unit: Work): Vertex[] =>
  unit.kind === "template" ? [unit.result] : unit.group.members.map((m) => m.vertex);

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
