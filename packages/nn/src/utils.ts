/** Gradient clipping, as torch.nn.utils. */

import { noGrad, scoped, stack, type Tensor } from "@kindling/core";

const gradients = (parameters: Iterable<Tensor> | Tensor): { owner: Tensor; grad: Tensor }[] =>
  ("grad" in parameters ? [parameters as Tensor] : [...parameters]).flatMap((owner) =>
    owner.grad ? [{ owner, grad: owner.grad }] : [],
  );

/**
 * Scales all gradients so that their common norm is at most `maxNorm`; gradients below it stay.
 * @param options.normType 2 by default; Infinity takes the largest element
 * @returns the norm before clipping, a scalar tensor
 */
export function clipGradNorm_(
  parameters: Iterable<Tensor> | Tensor,
  maxNorm: number,
  { normType = 2 }: { normType?: number } = {},
): Tensor | null {
  const found = gradients(parameters);
  if (found.length === 0) return null;
  return noGrad(() =>
    scoped(() => {
      const total = commonNorm(
        found.map(({ grad }) => grad),
        normType,
      );
      const factor = total.add(1e-6).reciprocal().mul(maxNorm).clamp(undefined, 1);
      for (const { owner, grad } of found) owner.grad = grad.mul(factor);
      return total;
    }),
  );
}

/** torch's older name. */
export const clipGradNorm = clipGradNorm_;

function commonNorm(grads: readonly Tensor[], normType: number): Tensor {
  if (normType === Number.POSITIVE_INFINITY) return stack(grads.map((g) => g.abs().amax())).amax();
  if (normType === 2)
    return stack(grads.map((g) => g.square().sum()))
      .sum()
      .sqrt();
  return stack(grads.map((g) => g.abs().pow(normType).sum()))
    .sum()
    .pow(1 / normType);
}

/** Cuts every element of every gradient to [−clipValue, clipValue]. */
export function clipGradValue_(parameters: Iterable<Tensor> | Tensor, clipValue: number): void {
  noGrad(() =>
    scoped(() => {
      for (const { owner, grad } of gradients(parameters)) owner.grad = grad.clamp(-clipValue, clipValue);
    }),
  );
}
