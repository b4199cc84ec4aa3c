/**
 * Modules and functions of the assembler. Statements are emitted in the order in which they are written:
 *
 *     const m = new WasmModule({ shared: false });
 *     m.func("sum", ["i32", "i32"], "f32", (f, data, count) => {
 *       const total = f.let(f32.const(0));
 *       f.for(0, count, 1, (i) => f.set(total, f32.add(total, f32.load(i32.add(data, i32.shl(i, 2))))));
 *       return total;
 *     });
 *     new WebAssembly.Instance(new WebAssembly.Module(m.bytes()), { env: { memory } });
 */

import { Bytes } from "./bytes.js";
import { emitOpcode, emitOperand, i32, type Operand, type ValType, type Value } from "./values.js";

const TYPE_BYTE: Record<ValType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const EMPTY_BLOCK = 0x40;

/** What stores take: the width in memory, and the type of the value. */
const STORES = {
  i32: ["i32", 0x36],
  i64: ["i64", 0x37],
  f32: ["f32", 0x38],
  f64: ["f64", 0x39],
  /** The low 8 or 16 bits. */
  i32as8: ["i32", 0x3a],
  i32as16: ["i32", 0x3b],
  v128: ["v128", 0xfd000b],
} as const satisfies Record<string, readonly [ValType, number]>;

const LANE_STORES = { 8: 0xfd0058, 16: 0xfd0059, 32: 0xfd005a, 64: 0xfd005b } as const;

export type StoreKind = keyof typeof STORES;

/** A variable of a function; as a value, what it holds when the statement that uses it runs. */
export interface Local<T extends ValType> extends Value<T> {
  readonly index: number;
}

/** Something to branch to: the end of a block, or the start of a loop. */
export interface Label {
  readonly depth: number;
}

type Locals<P extends readonly ValType[]> = { [I in keyof P]: Local<P[I]> };
type Operands<P extends readonly ValType[]> = { [I in keyof P]: Operand<P[I]> };

/** A function of the module. `R` is "void" for one without a result. */
export interface WasmFunction<P extends readonly ValType[], R extends ValType | "void"> {
  readonly index: number;
  readonly params: P;
  readonly result: R;
}

/** The value of calling a function that has a result. */
export const call = <P extends readonly ValType[], R extends ValType>(
  fn: WasmFunction<P, R>,
  ...args: Operands<P>
): Value<R> => ({ type: fn.result, emit: (out) => emitCall(out, fn, args) });

function emitCall<P extends readonly ValType[]>(
  out: Bytes,
  fn: WasmFunction<P, ValType | "void">,
  args: Operands<P>,
): void {
  fn.params.forEach((type, i) => {
    emitOperand(out, type, args[i]);
  });
  out.u8(0x10).u32(fn.index);
}

/** The statements of one function. */
export class FunctionBuilder {
  readonly code = new Bytes();
  /** What runs before `code`. */
  readonly prologue = new Bytes();
  readonly locals: ValType[] = [];
  private readonly constants = new Map<string, Local<"v128">>();
  private depth = 0;

  constructor(private readonly params: readonly ValType[]) {}

  /** A new variable; it holds 0 until it is set. */
  local<T extends ValType>(type: T): Local<T> {
    return this.variable(type, this.params.length + this.locals.push(type) - 1);
  }

  /** The variable of a parameter. */
  variable<T extends ValType>(type: T, index: number): Local<T> {
    return { type, index, emit: (out) => out.u8(0x20).u32(index) };
  }

  set<T extends ValType>(local: Local<T>, value: Operand<T>): void {
    emitOperand(this.code, local.type, value);
    this.code.u8(0x21).u32(local.index);
  }

  /** A new variable that holds `value`. */
  let<T extends ValType>(value: Value<T>): Local<T> {
    const local = this.local(value.type);
    this.set(local, value as Operand<T>);
    return local;
  }

  /**
   * A variable that holds a constant vector from the start of the function on. V8 builds a vector constant by three
   * instructions wherever one is written; a variable costs one at most, and none where a register is free.
   */
  constant(value: Value<"v128">): Local<"v128"> {
    const code = new Bytes();
    value.emit(code);
    const key = code.view().join();
    let local = this.constants.get(key);
    if (!local) {
      local = this.local("v128");
      this.constants.set(key, local);
      this.prologue.raw(code.view()).u8(0x21).u32(local.index);
    }
    return local;
  }

  /** Adds to an i32 variable. */
  increment(local: Local<"i32">, by: Operand<"i32">): void {
    this.set(local, i32.add(local, by));
  }

  /** Writes to memory at `address` + `offset` bytes; no alignment is required. */
  store<K extends StoreKind>(
    kind: K,
    address: Operand<"i32">,
    value: Operand<(typeof STORES)[K][0]>,
    offset = 0,
  ): void {
    const [type, code] = STORES[kind];
    emitOperand(this.code, "i32", address);
    emitOperand(this.code, type as (typeof STORES)[K][0], value);
    emitOpcode(this.code, code);
    this.code.u8(0).u32(offset);
  }

  /** Writes one lane of `bits` bits. */
  storeLane(
    bits: keyof typeof LANE_STORES,
    address: Operand<"i32">,
    value: Value<"v128">,
    lane: number,
    offset = 0,
  ): void {
    emitOperand(this.code, "i32", address);
    value.emit(this.code);
    emitOpcode(this.code, LANE_STORES[bits]);
    this.code.u8(0).u32(offset).u8(lane);
  }

  /** Copies bytes, rightly even when the regions overlap. */
  memoryCopy(to: Operand<"i32">, from: Operand<"i32">, bytes: Operand<"i32">): void {
    for (const x of [to, from, bytes]) emitOperand(this.code, "i32", x);
    emitOpcode(this.code, 0xfc000a);
    this.code.u8(0).u8(0);
  }

  memoryFill(to: Operand<"i32">, byte: Operand<"i32">, bytes: Operand<"i32">): void {
    for (const x of [to, byte, bytes]) emitOperand(this.code, "i32", x);
    emitOpcode(this.code, 0xfc000b);
    this.code.u8(0);
  }

  call<P extends readonly ValType[]>(fn: WasmFunction<P, "void">, ...args: Operands<P>): void {
    emitCall(this.code, fn, args);
  }

  private nest(opcode: number, body: (label: Label) => void): void {
    this.code.u8(opcode).u8(EMPTY_BLOCK);
    const label = { depth: ++this.depth };
    body(label);
    this.depth--;
    this.code.u8(0x0b);
  }

  /** Branching to the label leaves the block. */
  block(body: (end: Label) => void): void {
    this.nest(0x02, body);
  }

  /** Branching to the label starts over; falling off the end leaves the loop. */
  loop(body: (again: Label) => void): void {
    this.nest(0x03, body);
  }

  br(label: Label): void {
    this.code.u8(0x0c).u32(this.depth - label.depth);
  }

  brIf(label: Label, cond: Operand<"i32">): void {
    emitOperand(this.code, "i32", cond);
    this.code.u8(0x0d).u32(this.depth - label.depth);
  }

  if(cond: Operand<"i32">, then: () => void, otherwise?: () => void): void {
    emitOperand(this.code, "i32", cond);
    this.nest(0x04, () => {
      then();
      if (otherwise) {
        this.code.u8(0x05);
        otherwise();
      }
    });
  }

  /** Runs `body` as long as `cond` is not 0. The test stands at the end, where it costs one branch a turn. */
  while(cond: Value<"i32">, body: () => void): void {
    this.if(cond, () =>
      this.loop((again) => {
        body();
        this.brIf(again, cond);
      }),
    );
  }

  /** Counts a new variable from `from` while it is less (signed) than `to`. `to` is evaluated at each turn. */
  for(from: Operand<"i32">, to: Operand<"i32">, step: Operand<"i32">, body: (i: Local<"i32">) => void): void {
    const i = this.local("i32");
    this.set(i, from);
    this.forFrom(i, to, step, body);
  }

  /** Counts `i` on from what it holds while it is less (signed) than `to`. */
  forFrom(i: Local<"i32">, to: Operand<"i32">, step: Operand<"i32">, body: (i: Local<"i32">) => void): void {
    this.while(i32.ltS(i, to), () => {
      body(i);
      this.increment(i, step);
    });
  }

  return<T extends ValType>(value?: Value<T>): void {
    value?.emit(this.code);
    this.code.u8(0x0f);
  }
}

export interface WasmModuleOptions {
  /** Whether the imported memory `env.memory` is shared between threads. */
  readonly shared: boolean;
  /** At least the maximum of the memory that will be given (64 KiB pages); a shared memory always has one. */
  readonly maxPages?: number;
}

/** A module under construction, with one imported memory: `env.memory`. */
export class WasmModule {
  private readonly types: string[] = [];
  private readonly typeBytes: Bytes[] = [];
  private readonly functions: { readonly type: number; readonly body: Bytes }[] = [];
  private readonly exports: { readonly name: string; readonly index: number }[] = [];

  constructor(private readonly options: WasmModuleOptions) {}

  /** Adds a function that is called only from within the module. */
  helper<const P extends readonly ValType[], R extends ValType | "void">(
    params: P,
    result: R,
    body: (f: FunctionBuilder, ...params: Locals<P>) => R extends ValType ? Value<R> : void,
  ): WasmFunction<P, R> {
    const f = new FunctionBuilder(params);
    const variables = params.map((type, i) => f.variable(type, i)) as unknown as Locals<P>;
    const value = body(f, ...variables) as Value<ValType> | undefined;
    if (result !== "void") value?.emit(f.code);
    f.code.u8(0x0b);
    const whole = new Bytes();
    const runs: { type: ValType; count: number }[] = [];
    for (const type of f.locals) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    whole.u32(runs.length);
    for (const run of runs) whole.u32(run.count).u8(TYPE_BYTE[run.type]);
    whole.raw(f.prologue.view()).raw(f.code.view());
    const index = this.functions.push({ type: this.signature(params, result), body: whole }) - 1;
    return { index, params, result };
  }

  /** Adds a function and exports it as `name`. */
  func<const P extends readonly ValType[], R extends ValType | "void">(
    name: string,
    params: P,
    result: R,
    body: (f: FunctionBuilder, ...params: Locals<P>) => R extends ValType ? Value<R> : void,
  ): WasmFunction<P, R> {
    const fn = this.helper(params, result, body);
    this.exports.push({ name, index: fn.index });
    return fn;
  }

  private signature(params: readonly ValType[], result: ValType | "void"): number {
    const key = `${params.join()}>${result}`;
    const known = this.types.indexOf(key);
    if (known >= 0) return known;
    const bytes = new Bytes().u8(0x60).u32(params.length);
    for (const p of params) bytes.u8(TYPE_BYTE[p]);
    if (result === "void") bytes.u32(0);
    else bytes.u32(1).u8(TYPE_BYTE[result]);
    this.typeBytes.push(bytes);
    return this.types.push(key) - 1;
  }

  /** The binary module. */
  bytes(): Uint8Array<ArrayBuffer> {
    const out = new Bytes().raw(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    const section = (id: number, fill: (s: Bytes) => void): void => {
      const s = new Bytes();
      fill(s);
      out.u8(id).sized(s);
    };
    section(1, (s) => {
      s.u32(this.typeBytes.length);
      for (const t of this.typeBytes) s.raw(t.view());
    });
    section(2, (s) => {
      s.u32(1).name("env").name("memory").u8(2);
      if (this.options.shared)
        s.u8(3)
          .u32(0)
          .u32(this.options.maxPages ?? 65536);
      else s.u8(0).u32(0);
    });
    section(3, (s) => {
      s.u32(this.functions.length);
      for (const f of this.functions) s.u32(f.type);
    });
    section(7, (s) => {
      s.u32(this.exports.length);
      for (const e of this.exports) s.name(e.name).u8(0).u32(e.index);
    });
    section(10, (s) => {
      s.u32(this.functions.length);
      for (const f of this.functions) s.sized(f.body);
    });
    return out.view().slice();
  }
}
