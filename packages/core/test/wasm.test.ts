import { describe, expect, it } from "vitest";
import {
  call,
  f32,
  f32x4,
  f64,
  f64x2,
  hasRelaxedSimd,
  i8x16,
  i16x8,
  i32,
  i32x4,
  i64,
  i64x2,
  select,
  v128,
  WasmModule,
} from "../dist/cpu/wasm/index.js";

type Exports = Record<string, (...args: number[]) => number>;

function instantiate(m: WasmModule, memory = new WebAssembly.Memory({ initial: 1 })): Exports {
  const module = new WebAssembly.Module(m.bytes());
  return new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
}

describe("the WebAssembly assembler", () => {
  it("assembles loops, branches, locals and calls", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const m = new WasmModule({ shared: false });
    const square = m.helper(["f32"], "f32", (_f, x) => f32.mul(x, x));
    m.func("sumOfSquares", ["i32", "i32"], "f32", (f, data, count) => {
      const total = f.let(f32.const(0));
      f.for(0, count, 1, (i) => {
        const x = f.let(f32.load(i32.add(data, i32.shl(i, 2))));
        f.if(f32.gt(x, 0), () => f.set(total, f32.add(total, call(square, x))));
      });
      return total;
    });
    m.func("collatz", ["i32"], "i32", (f, n) => {
      const steps = f.local("i32");
      f.block((end) => {
        f.loop((again) => {
          f.brIf(end, i32.eq(n, 1));
          f.if(
            i32.and(n, 1),
            () => f.set(n, i32.add(i32.mul(n, 3), 1)),
            () => f.set(n, i32.shrU(n, 1)),
          );
          f.increment(steps, 1);
          f.br(again);
        });
      });
      return steps;
    });
    const { sumOfSquares, collatz } = instantiate(m, memory);
    new Float32Array(memory.buffer, 16).set([1, -2, 3, 4]);
    expect(sumOfSquares(16, 4)).toBe(26);
    expect(sumOfSquares(16, 0)).toBe(0);
    expect(collatz(27)).toBe(111);
  });

  it("encodes integers at the edges of LEB128", () => {
    const edges = [0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, -8192, -8193, 2 ** 31 - 1, -(2 ** 31)];
    const m = new WasmModule({ shared: false });
    for (const [i, x] of edges.entries()) {
      m.func(`i${i}`, [], "i32", () => i32.const(x));
      m.func(`l${i}`, [], "i64", () => i64.const(BigInt(x) * 4294967296n + 5n));
    }
    const e = instantiate(m) as unknown as Record<string, () => number | bigint>;
    edges.forEach((x, i) => {
      expect(e[`i${i}`]()).toBe(x);
      expect(e[`l${i}`]()).toBe(BigInt(x) * 4294967296n + 5n);
    });
  });

  it("gives lanes in order, and bit-exact constants", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const m = new WasmModule({ shared: false });
    m.func("go", [], "void", (f) => {
      const x = f.let(v128.load(0));
      f.store("v128", 64, f32x4.add(f32x4.mul(x, f32x4.of(2)), f32x4.splat(f32.const(0.5))));
      f.store("v128", 80, v128.shuffle32(x, f32x4.of(9), [3, 0, 4, 1]));
      f.store("v128", 96, v128.bitselect(f32x4.of(1), f32x4.of(-1), f32x4.lt(x, f32x4.of(2.5))));
      f.store("f32", 112, f32x4.extract(x, 2));
      f.storeLane(32, 116, x, 3);
      f.store("v128", 128, f32x4.replace(v128.load32Lane(4, x, 0), 3, Number.NaN));
      f.store("v128", 144, v128.const([1, -2, 3, -2147483648]));
      f.store("v128", 160, i32x4.truncSatF32x4S(f32x4.of(-3.9)));
      f.store("v128", 176, i64x2.extmulHighI32x4U(i32x4.of(-1), i32x4.of(-1)));
      f.store("v128", 192, select(f32x4.of(1), f32x4.of(2), i32.const(0)));
      f.store("v128", 208, i16x8.narrowI32x4U(i32x4.of(70000), i32x4.of(7)));
      f.store("i32", 224, i8x16.bitmask(i8x16.splat(i32.const(-1))));
      f.store("f64", 232, f64.sqrt(f64.promoteF32(f32.load(0, 4))));
      f.memoryCopy(240, 0, 16);
      f.memoryFill(248, 0, 4);
    });
    const floats = new Float32Array(memory.buffer);
    const ints = new Int32Array(memory.buffer);
    floats.set([1, 2, 3, 4]);
    instantiate(m, memory).go();
    expect([...floats.subarray(16, 20)]).toEqual([2.5, 4.5, 6.5, 8.5]);
    expect([...floats.subarray(20, 24)]).toEqual([4, 1, 9, 2]);
    expect([...floats.subarray(24, 28)]).toEqual([1, 1, -1, -1]);
    expect([...floats.subarray(28, 30)]).toEqual([3, 4]);
    expect([...floats.subarray(32, 36)]).toEqual([2, 2, 3, Number.NaN]);
    expect([...ints.subarray(36, 40)]).toEqual([1, -2, 3, -2147483648]);
    expect([...ints.subarray(40, 44)]).toEqual([-3, -3, -3, -3]);
    expect([...ints.subarray(44, 48)]).toEqual([1, -2, 1, -2]);
    expect([...floats.subarray(48, 52)]).toEqual([2, 2, 2, 2]);
    expect([...new Uint16Array(memory.buffer).subarray(104, 112)]).toEqual([65535, 65535, 65535, 65535, 7, 7, 7, 7]);
    expect(ints[56]).toBe(65535);
    expect(new Float64Array(memory.buffer)[29]).toBe(Math.sqrt(2));
    expect([...floats.subarray(60, 64)]).toEqual([1, 2, 0, 4]);
  });

  it("emits only valid opcodes", () => {
    const one = { i32: i32.const(1), i64: i64.const(1n), f32: f32.const(1), f64: f64.const(1) };
    const wide = f32x4.of(1);
    const scalarTables = { i32, i64, f32, f64 };
    for (const [type, table] of Object.entries(scalarTables)) {
      for (const [name, op] of Object.entries(table)) {
        if (name === "const") continue;
        const operand = Object.entries(one).find(
          ([t]) => name.toLowerCase().endsWith(t) || name.match(new RegExp(`${t.toUpperCase()}[SU]?$`)),
        );
        const x = name.startsWith("load") ? one.i32 : operand ? operand[1] : one[type as keyof typeof one];
        const m = new WasmModule({ shared: false });
        m.helper([], "void", (f) => {
          f.let((op as (...xs: unknown[]) => ReturnType<typeof i32.const>)(x, ...(name.startsWith("load") ? [] : [x])));
        });
        expect(WebAssembly.validate(m.bytes()), `${type}.${name}`).toBe(true);
      }
    }
    for (const [type, table] of Object.entries({ i8x16, i16x8, i32x4, f32x4, i64x2, f64x2 })) {
      for (const [name, op] of Object.entries(table)) {
        if (name === "of" || name === "splat" || name === "replace" || name.startsWith("relaxed")) continue;
        const second = name.startsWith("sh") ? one.i32 : name.startsWith("extract") ? 0 : wide;
        const m = new WasmModule({ shared: false });
        m.helper([], "void", (f) => {
          f.let((op as (...xs: unknown[]) => ReturnType<typeof i32.const>)(wide, second));
        });
        expect(WebAssembly.validate(m.bytes()), `${type}.${name}`).toBe(true);
      }
    }
  });

  it("imports shared memory and knows whether the engine has relaxed SIMD", () => {
    const m = new WasmModule({ shared: true, maxPages: 100 });
    m.func("get", ["i32"], "i32", (_f, a) => i32.load(a, 8));
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 100, shared: true });
    new Int32Array(memory.buffer)[3] = 42;
    expect(instantiate(m, memory).get(4)).toBe(42);
    expect(typeof hasRelaxedSimd()).toBe("boolean");
  });
});
