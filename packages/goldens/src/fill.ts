/**
 * The deterministic fill of the fixtures (their FILL.md): weights and inputs are computed from names, never stored.
 *
 * Everything is 32-bit integer arithmetic with wrap-around, then at most one multiplication and one addition in f64 and
 * one rounding to f32, so the values are bit for bit those that PyTorch was given.
 */

/** The golden ratio's odd 32-bit multiplier: spreads seeds and element indices over the hash. */
const GOLDEN = 0x9e3779b1;

/** FNV-1a of the UTF-8 bytes of a name, as an unsigned 32-bit integer. */
export function fnv1a(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The finalizer of MurmurHash3: every input bit moves every output bit. Unsigned 32-bit in and out. */
export function fmix32(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The stream of a name under a seed. */
export function key(name: string, seed: number): number {
  return fmix32((fnv1a(name) + Math.imul(seed, GOLDEN)) | 0);
}

/** Element `i` of a stream, uniform in [-1, 1) and exact in f64. */
export function unit(stream: number, i: number): number {
  return (fmix32((stream + Math.imul(i, GOLDEN)) | 0) >>> 8) * 2 ** -23 - 1;
}

/** `count` flat indices into `size` elements: those that the fixtures sample from a gradient or a statistic. */
export function sampledIndices(name: string, size: number, count: number): number[] {
  const stream = key("sample", 0);
  if (size < 1) throw new RangeError(`${name} has no elements to sample`);
  return Array.from({ length: count }, (_, i) => fmix32((stream + Math.imul(i, GOLDEN)) | 0) % size);
}

/** What a fixture says about its weights. */
export interface FillRule {
  seed: number;
  gain: number;
  /** `[suffix, factor]`: factors for the entries whose full name ends with the suffix, multiplied in order. */
  overrides?: readonly (readonly [string, number])[];
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Names whose values are spread around a constant: `[last part of the name, centre, half width]`. */
const NAMED: Readonly<Record<string, readonly [number, number]>> = {
  running_mean: [0, 0.1],
  running_var: [1, 0.2],
  layer_scale: [0.3, 0.1],
  logit_scale: [2, 0.3],
  relative_position_bias_table: [0, 0.2],
  class_token: [0, 0.2],
  pos_embedding: [0, 0.2],
  spatial_pos: [0, 0.2],
  temporal_pos: [0, 0.2],
  class_pos: [0, 0.2],
  rel_pos_h: [0, 0.05],
  rel_pos_w: [0, 0.05],
  rel_pos_t: [0, 0.05],
  scale_weight: [2, 0.2],
};

/** Centre and half width of an entry's values; the first rule that fits its name and shape wins. */
function spread(name: string, shape: readonly number[], rule: FillRule): readonly [number, number] {
  const last = name.slice(name.lastIndexOf(".") + 1);
  const matching = (rule.overrides ?? []).filter(([suffix]) => name.endsWith(suffix));
  const scaled = (start: number): number => matching.reduce((value, [, factor]) => value * factor, start);
  if (Object.hasOwn(NAMED, last)) return NAMED[last];
  if (name.endsWith(".fc2.bias")) return [2, 0.1];
  if (last.endsWith("bias")) return [0, 0.1];
  if (shape.length >= 2) return [0, Math.sqrt(3 / product(shape.slice(1))) * scaled(rule.gain)];
  if (last === "weight" && shape.length === 1) return [scaled(1), 0.2 * scaled(1)];
  throw new Error(`no fill rule for ${name} of shape [${shape}]`);
}

/**
 * The values of one state-dict entry, row-major; null for an entry that keeps the model's own values (index tables of
 * windowed attention).
 */
export function fillEntry(name: string, shape: readonly number[], rule: FillRule): Float32Array<ArrayBuffer> | null {
  const values = new Float32Array(product(shape));
  if (name.endsWith("num_batches_tracked")) return values;
  if (/(^|\.)relative_(position_index|coords_table)$/.test(name)) return null;
  const [centre, half] = spread(name, shape, rule);
  const stream = key(name, rule.seed);
  for (let i = 0; i < values.length; i++) values[i] = centre + half * unit(stream, i);
  return values;
}

/** An input of a fixture; `kind: "unit"` asks for values in [0, 1), an image. */
export interface InputSpec {
  name: string;
  shape: readonly number[];
  kind?: "unit";
}

/** The values of an input `[..., H, W]`: 8×8 patches of one level plus half as much noise for each pixel. */
export function fillInput({ name, shape, kind }: InputSpec, seed: number): Float32Array<ArrayBuffer> {
  const [height, width] = shape.slice(-2);
  const [rows, columns] = [Math.ceil(height / 8), Math.ceil(width / 8)];
  const [coarse, fine] = [key(`${name}.coarse`, seed), key(name, seed)];
  const values = new Float32Array(product(shape));
  for (let plane = 0, i = 0; plane < product(shape.slice(0, -2)); plane++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const value = unit(coarse, (plane * rows + (y >> 3)) * columns + (x >> 3)) + 0.5 * unit(fine, i);
        values[i] = kind === "unit" ? 0.5 + value / 3 : value;
      }
    }
  }
  return values;
}
