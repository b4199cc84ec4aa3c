/** Attention biases that depend on how two tokens of a window lie to each other (Shaw et al. 2018), as a table of them. */

import { fromHost, scoped, type Tensor, type TypedArray } from "@kindling/core";

/** How many relative positions there are in a window: the rows of the table. */
export function relativePositions([height, width]: readonly [number, number]): number {
  return (2 * height - 1) * (2 * width - 1);
}

/**
 * For each token of a window (row by row) and each other one, the table's row for their relative position: int64, as the
 * files have it, of `shape`, which holds tokens² elements.
 */
export function relativePositionIndex([height, width]: readonly [number, number], shape: readonly number[]): Tensor {
  const tokens = height * width;
  const index = new BigInt64Array(tokens ** 2);
  for (let i = 0; i < tokens; i++)
    for (let j = 0; j < tokens; j++) {
      const down = Math.floor(i / width) - Math.floor(j / width) + height - 1;
      const right = (i % width) - (j % width) + width - 1;
      index[i * tokens + j] = BigInt(down * (2 * width - 1) + right);
    }
  return fromHost(index, shape, "int64");
}

/** table: [positions, heads], index: tokens² rows of it; gives the biases [heads, tokens, tokens]. */
export function relativePositionBias(table: Tensor, index: Tensor): Tensor {
  const heads = table.shape[1];
  const tokens = Math.sqrt(index.numel);
  return scoped(() => table.t().indexSelect(1, onDevice(index)).reshape([heads, tokens, tokens]));
}

const converted = new WeakMap<TypedArray, Tensor>();

/** An int64 index, which only the host holds, as int32. Made once for each array: a loaded file brings another. */
function onDevice(index: Tensor): Tensor {
  const host = index.hostData();
  if (!host) return index.to("int32").flatten();
  let rows = converted.get(host);
  if (!rows) {
    rows = index.to("int32").flatten();
    converted.set(host, rows);
  }
  return rows;
}
