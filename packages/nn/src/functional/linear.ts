/** Linear maps and embeddings, as torch.nn.functional. */

import { ArgumentError, DTypeError, isInteger, ShapeError, scoped, type Tensor, where } from "@kindling/core";
import { shapeText } from "./args.js";

/** x·weightᵀ + bias. x: […, in], weight: [out, in], bias: [out]; gives […, out]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  if (x.ndim === 0 || weight.ndim !== 2 || x.shape[x.ndim - 1] !== weight.shape[1])
    throw new ShapeError(
      `linear: the input is ${shapeText(x)} and the weight ${shapeText(weight)}; ` +
        "the input's last dimension must be the weight's second (in_features)",
    );
  if (bias && (bias.ndim !== 1 || bias.shape[0] !== weight.shape[0]))
    throw new ShapeError(
      `linear: bias is ${shapeText(bias)}; a weight of ${shapeText(weight)} takes [${weight.shape[0]}]`,
    );
  return scoped(() => {
    const y = x.matmul(weight.t());
    return bias ? y.add(bias) : y;
  });
}

/**
 * Rows of `weight` chosen by `indices`. indices: any shape of integers, weight: [rows, width]; gives [...indices, width].
 * Row `paddingIdx` gets no gradient.
 */
export function embedding(
  indices: Tensor,
  weight: Tensor,
  { paddingIdx }: { paddingIdx?: number | null } = {},
): Tensor {
  if (!isInteger(indices.dtype))
    throw new DTypeError(`embedding: indices are ${indices.dtype}; they must be integers, e.g. indices.int()`);
  if (weight.ndim !== 2) throw new ShapeError(`embedding: weight is ${shapeText(weight)}; it takes [rows, width]`);
  const [rows, width] = weight.shape;
  for (const index of indices.hostData() ?? [])
    if (Number(index) < 0 || Number(index) >= rows)
      throw new ArgumentError(
        `embedding: index ${index} is out of range: the table has ${rows} rows (0 to ${rows - 1})`,
      );
  return scoped(() => {
    const flat = indices.to("int32").reshape([indices.numel]);
    let chosen = weight.indexSelect(0, flat);
    if (paddingIdx !== undefined && paddingIdx !== null) {
      const row = paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
      chosen = where(flat.ne(row).unsqueeze(1), chosen, chosen.detach());
    }
    return chosen.reshape([...indices.shape, width]);
  });
}

/** Scales vectors along `dim` to p-norm 1 (or less, where the norm is below `eps`). */
export function normalize(
  x: Tensor,
  { p = 2, dim = 1, eps = 1e-12 }: { p?: number; dim?: number; eps?: number } = {},
): Tensor {
  return scoped(() => x.div(x.norm(p, dim, { keepdim: true }).clamp(eps)));
}
