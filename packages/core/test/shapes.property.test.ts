import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import * as k from "../dist/index.js";

const shape = (min = 0, max = 4): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 1, max: 4 }), { minLength: min, maxLength: max });

/** Runs `fn`; the tensor, or the ShapeError that it threw. Anything else is a failure. */
function attempt(fn: () => k.Tensor): k.Tensor | k.ShapeError {
  try {
    return fn();
  } catch (error) {
    if (error instanceof k.ShapeError) return error;
    throw error;
  }
}

function expectRefusal(got: k.Tensor | k.ShapeError, op: string, ...shapes: number[][]): void {
  expect(got).toBeInstanceOf(k.ShapeError);
  const { message } = got as k.ShapeError;
  expect(message).toContain(op);
  for (const s of shapes) expect(message).toContain(`[${s}]`);
}

/** Broadcasting by its definition: sizes, counted from the last, are equal or 1. */
function broadcast(a: number[], b: number[]): number[] | null {
  const out: number[] = [];
  for (let i = 1; i <= Math.max(a.length, b.length); i++) {
    const [x, y] = [a[a.length - i] ?? 1, b[b.length - i] ?? 1];
    if (x !== y && x !== 1 && y !== 1) return null;
    out.unshift(x === 1 ? y : x);
  }
  return out;
}

describe("shapes", () => {
  it("of elementwise operators broadcast or are refused", () => {
    fc.assert(
      fc.property(shape(), shape(), (a, b) => {
        const got = attempt(() => k.ones(a).mul(k.ones(b)));
        const want = broadcast(a, b);
        if (want) expect((got as k.Tensor).shape).toEqual(want);
        else expectRefusal(got, "mul", a, b);
      }),
    );
  });

  it("of matrix products are torch's or are refused", () => {
    fc.assert(
      fc.property(shape(1), shape(1), (a, b) => {
        const got = attempt(() => k.ones(a).matmul(k.ones(b)));
        const inner = a[a.length - 1] === b[Math.max(0, b.length - 2)];
        const batch = broadcast(a.slice(0, -2), b.slice(0, -2));
        if (!inner || !batch) return expectRefusal(got, "matmul");
        const want = [...batch];
        if (a.length > 1) want.push(a[a.length - 2]);
        if (b.length > 1) want.push(b[b.length - 1]);
        expect((got as k.Tensor).shape).toEqual(want);
      }),
    );
  });

  it("of reshape and expand keep elements or are refused", () => {
    fc.assert(
      fc.property(shape(), shape(), (a, b) => {
        const numel = (s: number[]): number => s.reduce((p, q) => p * q, 1);
        const reshaped = attempt(() => k.ones(a).reshape(b));
        if (numel(a) === numel(b)) expect((reshaped as k.Tensor).shape).toEqual(b);
        else expectRefusal(reshaped, "reshape", a, b);
        const expanded = attempt(() => k.ones(a).expand(b));
        const fits = b.length >= a.length && a.every((d, i) => d === 1 || d === b[b.length - a.length + i]);
        if (fits) expect((expanded as k.Tensor).shape).toEqual(b);
        else expectRefusal(expanded, "expand", a, b);
      }),
    );
  });

  it("of cat agree outside of its dimension or are refused", () => {
    fc.assert(
      fc.property(shape(1, 3), shape(1, 3), fc.nat(2), (a, b, d) => {
        fc.pre(d < a.length);
        const got = attempt(() => k.cat([k.ones(a), k.ones(b)], Math.min(d, Math.max(a.length, b.length) - 1)));
        const fits = a.length === b.length && a.every((s, i) => i === d || s === b[i]);
        if (fits) expect((got as k.Tensor).shape).toEqual(a.map((s, i) => (i === d ? s + b[i] : s)));
        else expectRefusal(got, "cat", a, b);
      }),
    );
  });

  it("of convolutions are torch's or are refused", () => {
    const small = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(
        fc.tuple(small, small, small),
        fc.tuple(small, small, small, small),
        fc.nat(2),
        small,
        small,
        ([n, h, w], [o, c, kh, kw], padding, stride, groups) => {
          const got = ((): k.Tensor | k.KindlingError => {
            try {
              return k.conv2d(k.ones([n, c * 2, h, w]), k.ones([o, c, kh, kw]), {
                padding: [padding, padding, padding, padding],
                stride: [stride, stride],
                groups,
              });
            } catch (error) {
              if (error instanceof k.KindlingError) return error;
              throw error;
            }
          })();
          const oh = Math.floor((h + 2 * padding - kh) / stride) + 1;
          const ow = Math.floor((w + 2 * padding - kw) / stride) + 1;
          if (o % groups === 0 && groups === 2 && h + 2 * padding >= kh && w + 2 * padding >= kw)
            expect((got as k.Tensor).shape).toEqual([n, o, oh, ow]);
          else {
            expect(got).toBeInstanceOf(k.KindlingError);
            expect((got as Error).message).toContain("conv2d");
          }
        },
      ),
    );
  });
});

/** A view as nested index arithmetic: position in the view → position in the base. */
interface Reference {
  readonly shape: number[];
  at(p: number[]): number;
}

type Move = { kind: string; a: number; b: number; c: number };
const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.constantFrom("permute", "slice", "select", "flip", "unsqueeze", "expand", "reshape", "unfold", "transpose"),
  a: fc.nat(100),
  b: fc.nat(100),
  c: fc.nat(100),
});

const numelOf = (s: readonly number[]): number => s.reduce((p, q) => p * q, 1);
const unravel = (i: number, s: readonly number[]): number[] =>
  s.map((d, j) => Math.floor(i / numelOf(s.slice(j + 1))) % d);
const ravel = (p: readonly number[], s: readonly number[]): number => p.reduce((n, v, i) => n * s[i] + v, 0);

/** Applies a move to a tensor and to its reference. */
function applyMove(t: k.Tensor, r: Reference, { kind, a, b, c }: Move): [k.Tensor, Reference] {
  const n = r.shape.length;
  const d = n === 0 ? 0 : a % n;
  switch (kind) {
    case "permute":
    case "transpose": {
      if (n < 2) return [t, r];
      const e = b % n;
      const order = r.shape.map((_, i) => (i === d ? e : i === e ? d : i));
      const view = kind === "permute" ? t.permute(order) : t.transpose(d, e);
      return [view, { shape: order.map((j) => r.shape[j]), at: (p) => r.at(order.map((_, i) => p[order.indexOf(i)])) }];
    }
    case "slice": {
      if (n === 0) return [t, r];
      const start = b % r.shape[d];
      const step = 1 + (c % 3);
      const count = Math.ceil((r.shape[d] - start) / step);
      return [
        t.slice(d, start, r.shape[d], step),
        {
          shape: r.shape.map((s, i) => (i === d ? count : s)),
          at: (p) => r.at(p.map((v, i) => (i === d ? start + step * v : v))),
        },
      ];
    }
    case "select": {
      if (n === 0) return [t, r];
      const i = b % r.shape[d];
      return [
        t.select(d, i),
        { shape: r.shape.filter((_, j) => j !== d), at: (p) => r.at([...p.slice(0, d), i, ...p.slice(d)]) },
      ];
    }
    case "flip":
      if (n === 0) return [t, r];
      return [t.flip([d]), { shape: r.shape, at: (p) => r.at(p.map((v, i) => (i === d ? r.shape[d] - 1 - v : v))) }];
    case "unsqueeze": {
      const at = a % (n + 1);
      return [
        t.unsqueeze(at),
        { shape: [...r.shape.slice(0, at), 1, ...r.shape.slice(at)], at: (p) => r.at(p.filter((_, i) => i !== at)) },
      ];
    }
    case "expand": {
      const size = 1 + (b % 3);
      const shape = r.shape.map((s) => (s === 1 ? size : s));
      return [t.expand(shape), { shape, at: (p) => r.at(p.map((v, i) => (r.shape[i] === 1 ? 0 : v))) }];
    }
    case "reshape": {
      const total = numelOf(r.shape);
      const factors = Array.from({ length: total }, (_, i) => i + 1).filter((f) => total % f === 0);
      const f = factors[b % factors.length];
      const shape = [f, total / f];
      return [t.reshape(shape), { shape, at: (p) => r.at(unravel(ravel(p, shape), r.shape)) }];
    }
    default: {
      if (n === 0 || r.shape[d] < 2 || numelOf(r.shape) > 200) return [t, r];
      const step = 1 + (b % 2);
      const count = Math.floor((r.shape[d] - 2) / step) + 1;
      return [
        t.unfold(d, 2, step),
        {
          shape: [...r.shape.map((s, i) => (i === d ? count : s)), 2],
          at: (p) => r.at(p.slice(0, -1).map((v, i) => (i === d ? v * step + p[p.length - 1] : v))),
        },
      ];
    }
  }
}

describe("views", () => {
  beforeAll(async () => {
    await k.init({ threads: 1 });
  });

  it("compose as index arithmetic says", async () => {
    await fc.assert(
      fc.asyncProperty(shape(1, 4), fc.array(move, { minLength: 1, maxLength: 6 }), async (base, moves) => {
        let t = k.arange(numelOf(base)).reshape(base);
        let r: Reference = { shape: base, at: (p) => ravel(p, base) };
        for (const m of moves) {
          if (numelOf(r.shape) > 2000) break;
          [t, r] = applyMove(t, r, m);
        }
        expect(t.shape).toEqual(r.shape);
        const want = Array.from({ length: numelOf(r.shape) }, (_, i) => r.at(unravel(i, r.shape)));
        expect([...(await t.data())]).toEqual(want);
      }),
      { numRuns: 200 },
    );
  });
});
