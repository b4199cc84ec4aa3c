/** Dropout, as torch.nn.functional: zero with probability p, and scale what stays by 1 / (1 − p). */

import { ArgumentError, rand, scoped, type Tensor } from "@kindling/core";

export interface DropoutOptions {
  /** Probability of zero. Default 0.5. */
  readonly p?: number;
  /** Does nothing when false. Default true. */
  readonly training?: boolean;
}

/** Drops single elements (Srivastava et al. 2014). */
export function dropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  return drop("dropout", x, x.shape, options);
}

/** Drops whole channels. x: [N, C, …]. */
export function dropout2d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return drop(
    "dropout2d",
    x,
    x.shape.map((n, d) => (d < x.ndim - 2 ? n : 1)),
    options,
  );
}

function drop(
  op: string,
  x: Tensor,
  maskShape: readonly number[],
  { p = 0.5, training = true }: DropoutOptions,
): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`${op}: the probability is ${p}; it lies between 0 and 1`);
  if (!training || p === 0) return x;
  return scoped(() =>
    p === 1
      ? x.mul(0)
      : x.mul(
          rand(maskShape)
            .ge(p)
            .to("float32")
            .mul(1 / (1 - p)),
        ),
  );
}
