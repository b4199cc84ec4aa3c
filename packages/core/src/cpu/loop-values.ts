/** The values of a loop kernel's nodes at the place where code is being printed: one printed node, one SIMD variable. */

import {
  gather,
  gatherMasked,
  loadEverySecond,
  loadFour,
  loadOne,
  scatter,
  storeFour,
  storeOne,
  transpose,
} from "./elements.js";
import { constantLanes, type Lanes, printOperator } from "./lanes.js";
import type { LoopStructure, Memory, Node, Source, Step } from "./loop-structure.js";
import { type FunctionBuilder, i32, i32x4, type Local, type Operand, type Value, v128 } from "./wasm/index.js";

/** What is known by name within a stretch of code, and within the code around it. */
class Names {
  private readonly known = new Map<string, Value<"i32"> | Lanes>();

  constructor(readonly parent?: Names) {}

  get(name: string): Value<"i32"> | Lanes | undefined {
    return this.known.get(name) ?? this.parent?.get(name);
  }

  set(name: string, value: Value<"i32"> | Lanes): void {
    this.known.set(name, value);
  }
}

const RAMP = v128.const([0, 1, 2, 3]);

/** How code is being printed. */
export interface Mode {
  /** 4 where the lanes are four points in a row, 1 where they all are the same point. */
  readonly width: 1 | 4;
  /** The vectors that are computed at once: neighbours along the lanes, or the rows of a tile. */
  readonly vectors: readonly number[];
  readonly tiled: boolean;
}

/** 0, 1, … */
export const firstVectors = (count: number): number[] => Array.from({ length: count }, (_, v) => v);

export class LoopValues {
  private names = new Names();
  mode: Mode = { width: 1, vectors: [0], tiled: false };

  constructor(
    readonly f: FunctionBuilder,
    readonly structure: LoopStructure,
    private readonly params: Local<"i32">,
    private readonly laneDim: number,
  ) {}

  /** Prints `body` in another mode. */
  within(mode: Partial<Mode>, body: () => void): void {
    const outside = this.mode;
    this.mode = { ...outside, ...mode };
    body();
    this.mode = outside;
  }

  /** Prints `body`; what it names is forgotten after it. */
  scoped(body: () => void): void {
    this.names = new Names(this.names);
    body();
    this.names = this.names.parent!;
  }

  /** A word of the parameters. */
  word(word: number): Value<"i32"> {
    return i32.load(this.params, 4 * word);
  }

  /** What one step along a dimension adds to an affine. */
  step(step: Step): Operand<"i32"> {
    if (step === null) return 0;
    return "constant" in step ? step.constant : this.word(step.word);
  }

  /** The current value of an affine. */
  cursor(affine: number): Value<"i32"> {
    const { base } = this.structure.affines[affine];
    return (this.names.get(`cursor ${affine}`) as Value<"i32">) ?? (base === null ? i32.const(0) : this.word(base));
  }

  setCursor(affine: number, local: Local<"i32">): void {
    this.names.set(`cursor ${affine}`, local);
  }

  /** A variable that starts as the cursor of the surrounding code, plus `more`. */
  enterCursor(affine: number, more?: Operand<"i32">): Local<"i32"> {
    const from = this.cursor(affine);
    const local = this.f.let(more === undefined ? from : i32.add(from, more));
    this.setCursor(affine, local);
    return local;
  }

  /** Keeps the steps along the lanes in variables. */
  hoistLaneSteps(): void {
    this.structure.affines.forEach(({ steps }, a) => {
      const step = steps[this.laneDim];
      if (step === null) return;
      const value = "constant" in step ? i32.const(step.constant) : this.f.let(this.word(step.word));
      this.names.set(`step ${a}`, value);
      this.names.set(`ramp ${a}`, this.f.let(i32x4.mul(i32x4.splat(value), RAMP)));
    });
  }

  /** Keeps what leads from the first row of a tile to the others in variables. */
  hoistTileSteps(dim: number, rows: number): void {
    this.structure.affines.forEach(({ steps }, a) => {
      const step = steps[dim];
      if (step === null) return;
      for (let v = 1; v < rows; v++) this.names.set(`row ${a} ${v}`, this.f.let(i32.mul(this.step(step), v)));
    });
  }

  laneStep(affine: number): Value<"i32"> {
    return (this.names.get(`step ${affine}`) as Value<"i32">) ?? i32.const(0);
  }

  setAccumulator(stage: number, vector: number, value: Lanes): void {
    this.names.set(`acc ${stage} ${vector}`, value);
  }

  private differs(node: Node): boolean {
    return node.varies || (this.mode.tiled && node.tiles);
  }

  /** The value of a node for vector `vector` of those computed at once. */
  value(number: number, vector = 0): Lanes {
    const node = this.structure.nodes[number];
    const name = `node ${number} ${this.differs(node) ? vector : 0}`;
    const known = this.names.get(name) as Lanes | undefined;
    if (known) return known;
    const value = this.compute(number, vector);
    if (node.inline) return value;
    const local = this.f.let(value);
    this.names.set(name, local);
    return local;
  }

  /** Computes those of the nodes for which `here` holds, for all vectors. */
  emit(numbers: readonly number[], here: (node: Node) => boolean): void {
    for (const n of numbers) {
      const node = this.structure.nodes[n];
      if (node.inline || !here(node)) continue;
      for (const v of this.differs(node) ? this.mode.vectors : [0]) this.value(n, v);
    }
  }

  private compute(number: number, vector: number): Lanes {
    const node = this.structure.nodes[number];
    const { op, type, value } = node;
    switch (op) {
      case "const":
        return this.f.constant(constantLanes(type, value));
      case "param": {
        const lanes = v128.load32Splat(this.params, 4 * value);
        return type === "bool" ? i32x4.ne(lanes, v128.zero) : lanes;
      }
      case "acc":
        return this.names.get(`acc ${value} ${node.varies ? vector : 0}`) as Lanes;
      case "index":
        return this.positions(node, vector);
      case "bound":
        return i32x4.ltU(this.positions(node, vector), i32x4.splat(this.word(node.size)));
      case "inside": {
        const [first, ...rest] = node.args.map((a) => this.value(a, vector));
        return rest.reduce((all, bound) => v128.and(all, bound), first ?? constantLanes("bool", 1));
      }
      case "load":
      case "loadAt":
        return this.load(number, vector);
      default: {
        const args = node.args.map((a) => this.value(a, vector));
        return printOperator(this.f, { op, type, args: node.args.map((a) => this.structure.nodes[a]) }, args);
      }
    }
  }

  /** The value of the node's affine in each lane. */
  private positions(node: Node, vector: number): Lanes {
    const first = i32x4.splat(this.vectorBase(node.value, vector));
    if (!node.varies || this.mode.width === 1) return first;
    return i32x4.add(first, this.names.get(`ramp ${node.value}`) as Lanes);
  }

  /** The affine's value in lane 0 of a vector. */
  private vectorBase(affine: number, vector: number): Value<"i32"> {
    const cursor = this.cursor(affine);
    if (vector === 0) return cursor;
    if (!this.mode.tiled) return i32.add(cursor, i32.mul(this.laneStep(affine), 4 * vector));
    const row = this.names.get(`row ${affine} ${vector}`) as Value<"i32"> | undefined;
    return row ? i32.add(cursor, row) : cursor;
  }

  /** The address of each lane of a vector. */
  private laneAddresses(memory: Memory, vector: number): (lane: number) => Value<"i32"> {
    const { f } = this;
    const step = this.laneStep(memory.address);
    const addresses = [f.let(this.vectorBase(memory.address, vector))];
    for (let l = 1; l < 4; l++) addresses.push(f.let(i32.add(addresses[l - 1], step)));
    return (lane) => addresses[lane];
  }

  private load(number: number, vector: number): Lanes {
    const { f } = this;
    const node = this.structure.nodes[number];
    const source = this.structure.sources[node.value];
    const moves = node.args.slice(0, source.indirect.length);
    const [inside] = node.args.slice(source.indirect.length);
    const guard = inside === undefined ? undefined : this.value(inside, vector);
    if (!node.varies || this.mode.width === 1) return this.loadPoint(source, moves, guard, vector);
    if (this.mode.tiled && source.lanes === "across") return this.loadAcross(number, vector);
    if (!guard) return this.loadVector(source, moves, vector, false);

    const mask = f.let(guard);
    const result = f.local("v128");
    f.if(
      i32x4.allTrue(mask),
      () => f.set(result, this.loadVector(source, moves, vector, true)),
      () => f.set(result, gatherMasked(f, source.dtype, this.addresses(source, moves, vector), mask)),
    );
    return result;
  }

  /** The same element for all lanes. */
  private loadPoint(source: Source, moves: readonly number[], guard: Lanes | undefined, vector: number): Lanes {
    const { f } = this;
    const cursor = this.vectorBase(source.address, vector);
    const moved = (): Value<"i32"> => i32.add(cursor, i32x4.extract(this.moved(source, moves, vector), 0));
    const element = (): Lanes => loadOne(f, source.dtype, moves.length > 0 ? moved() : cursor);
    if (!guard) return element();
    const result = f.let(v128.zero);
    f.if(i32x4.extract(guard, 0), () => f.set(result, element()));
    return result;
  }

  /** Loads the four rows of a tile that `vector` belongs to, as they lie, and turns them. */
  private loadAcross(number: number, vector: number): Lanes {
    const { address } = this.structure.sources[this.structure.nodes[number].value];
    const first = vector & ~3;
    const step = this.laneStep(address);
    const lanes = [this.f.let(this.vectorBase(address, first))];
    for (let l = 1; l < 4; l++) lanes.push(this.f.let(i32.add(lanes[l - 1], step)));
    const rows = transpose(
      this.f,
      lanes.map((lane) => v128.load(lane)),
    ).map((row) => this.f.let(row));
    rows.forEach((row, r) => {
      this.names.set(`node ${number} ${first + r}`, row);
    });
    return rows[vector - first];
  }

  private loadVector(source: Source, moves: readonly number[], vector: number, bounded: boolean): Lanes {
    const { f } = this;
    if (moves.length > 0 || source.lanes === "apart" || source.lanes === "across") {
      return gather(f, source.dtype, this.addresses(source, moves, vector));
    }
    if (source.lanes === "same") return loadOne(f, source.dtype, this.vectorBase(source.address, vector));
    // Where there are bounds the cursor may lie before the memory, and a static offset would not wrap around.
    const moved = bounded || this.mode.tiled;
    const address = moved ? this.vectorBase(source.address, vector) : this.cursor(source.address);
    const offset = moved ? 0 : vector * 4 * this.elementBytes(source);
    return source.lanes === "second" ? loadEverySecond(address, offset) : loadFour(f, source.dtype, address, offset);
  }

  private elementBytes(memory: Memory): number {
    const step = this.structure.affines[memory.address].steps[this.laneDim];
    return step && "constant" in step ? step.constant : 0;
  }

  private addresses(source: Source, moves: readonly number[], vector: number): (lane: number) => Value<"i32"> {
    const { f } = this;
    if (moves.length === 0) return this.laneAddresses(source, vector);
    const base = f.let(this.vectorBase(source.address, vector));
    const ramp = this.names.get(`ramp ${source.address}`) as Lanes | undefined;
    const moved = this.moved(source, moves, vector);
    const offsets = f.let(ramp ? i32x4.add(moved, ramp) : moved);
    return (lane) => i32.add(base, i32x4.extract(offsets, lane));
  }

  /** Bytes that the indices of a `loadAt` move the address by: Σ clamp(index) · stride. */
  private moved(source: Source, moves: readonly number[], vector: number): Lanes {
    return source.indirect
      .map(({ stride, size }, i) => {
        const last = i32x4.splat(i32.sub(this.word(size), 1));
        const index = i32x4.minS(i32x4.maxS(this.value(moves[i], vector), v128.zero), last);
        return i32x4.mul(index, i32x4.splat(this.word(stride)));
      })
      .reduce((sum, bytes) => i32x4.add(sum, bytes));
  }

  store(memory: Memory, vector: number, value: Lanes): void {
    const { f } = this;
    const { width, tiled } = this.mode;
    if (width === 1) storeOne(f, memory.dtype, this.vectorBase(memory.address, vector), value);
    else if (memory.lanes !== "next") scatter(f, memory.dtype, this.laneAddresses(memory, vector), value);
    else if (tiled) storeFour(f, memory.dtype, this.vectorBase(memory.address, vector), value);
    else storeFour(f, memory.dtype, this.cursor(memory.address), value, vector * 4 * this.elementBytes(memory));
  }
}
