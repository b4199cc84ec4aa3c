/** Operators that move, pick, join and sort values, by torch's name. */

import { cat, meshgrid, stack, where, zeros } from "@kindling/core";
import { functional as F } from "@kindling/nn";
import { type Table, valuesAndIndices } from "./row.js";

/** What constant padding holds; the cases do not say, but their outputs show it. */
const PADDING = 0.5;

export const movement: Table = {
  cat: (inputs, { dim }) => cat(Object.values(inputs), dim),
  channel_shuffle: ({ x }, { groups }) => F.channelShuffle(x, groups),
  chunk: ({ x }, { chunks, dim }) => x.chunk(chunks, dim),
  expand: ({ x }, { sizes }) => x.expand([sizes].flat()),
  flip: ({ x }, { dims }) => x.flip(dims),
  masked_fill: ({ x, mask }, { value }) => x.maskedFill(mask, value),
  meshgrid: (inputs) => meshgrid(...Object.values(inputs)),
  pad: ({ x }, { pad, mode }) => F.pad(x, pad, { mode: mode as F.PadMode, value: mode === "constant" ? PADDING : 0 }),
  permute: ({ x }, { dims }) => x.permute(dims),
  pixel_shuffle: ({ x }, { r }) => F.pixelShuffle(x, r),
  repeat: ({ x }, { sizes }) => x.repeat([sizes].flat()),
  repeat_interleave: ({ x }, { repeats, dim }) => x.repeatInterleave(repeats, dim),
  roll: ({ x }, { shifts, dims }) => x.roll(shifts, dims),
  split: ({ x }, { sizes, dim }) => x.split(sizes, dim),
  stack: (inputs, { dim }) => stack(Object.values(inputs), dim),
  tril: ({ x }, { diagonal }) => x.tril(diagonal),
  where: ({ mask, a, b }) => where(mask, a, b),

  embedding: ({ idx, weight }, { padding_idx: paddingIdx }) => F.embedding(idx, weight, { paddingIdx }),
  gather: ({ x, idx }, { dim }) => x.gather(dim, idx),
  index_add: ({ x, y, idx }, { dim }) => x.indexAdd(dim, idx, y),
  index_select: ({ x, idx }, { dim }) => x.indexSelect(dim, idx),
  scatter: ({ base, x, idx }, { dim }) => base.scatter(dim, idx, x),
  scatter_add: ({ x, idx }, { dim }, [shape]) => zeros(shape).scatterAdd(dim, idx, x),

  argmax: ({ x }, { dim, keepdim }) => x.argmax(dim, { keepdim }),
  max_dim: ({ x }, { dim, keepdim }) => valuesAndIndices(x.max(dim, { keepdim })),
  sort: ({ x }, { dim, descending }) => valuesAndIndices(x.sort(dim, { descending })),
  stable_sort_ties: ({ x }, { dim, descending }) => valuesAndIndices(x.sort(dim, { descending })),
  topk: ({ x }, { k, dim, largest }) => valuesAndIndices(x.topk(k, dim, { largest })),
};
