/** Position embeddings of vision transformers for images of another size than they were learned for. */

import { ArgumentError, cat, noGrad, ShapeError, scoped, type Tensor } from "@kindling/core";
import { functional, type StateDict } from "@kindling/nn";

export interface InterpolateEmbeddingsOptions {
  /** Default "bicubic". */
  readonly interpolationMode?: "bilinear" | "bicubic";
  /** Leave out the entries of the head, for a model with other classes. Default false. */
  readonly resetHeads?: boolean;
}

/**
 * The state dict of a vision transformer, made to fit images of another size: its position embeddings are resized as
 * pictures are. As torchvision.models.vision_transformer.interpolate_embeddings.
 * @param imageSize side of the images that the new model takes
 * @param patchSize side of its patches
 * @returns a new state dict; the entries that did not change are the same tensors
 * @throws ShapeError if the embeddings are not those of a square image
 */
export function interpolateEmbeddings(
  imageSize: number,
  patchSize: number,
  stateDict: StateDict,
  { interpolationMode = "bicubic", resetHeads = false }: InterpolateEmbeddingsOptions = {},
): Map<string, Tensor> {
  const key = "encoder.pos_embedding";
  const state = new Map(stateDict instanceof Map ? stateDict : Object.entries(stateDict));
  const embedding = state.get(key);
  if (!embedding)
    throw new ArgumentError(`interpolateEmbeddings: there is no "${key}"; give the state dict of a vision transformer`);
  state.set(key, resizeGrid(embedding, Math.floor(imageSize / patchSize), interpolationMode));
  if (resetHeads) for (const name of state.keys()) if (name.startsWith("heads")) state.delete(name);
  return state;
}

/** [1, 1 + old side², D] → [1, 1 + side², D]. The first embedding is the class token's and has no place in the image. */
function resizeGrid(embedding: Tensor, side: number, mode: "bilinear" | "bicubic"): Tensor {
  const [one, length, width] = embedding.shape;
  const oldSide = Math.round(Math.sqrt(length - 1));
  if (embedding.ndim !== 3 || one !== 1 || oldSide ** 2 + 1 !== length)
    throw new ShapeError(
      `interpolateEmbeddings: the position embeddings are [${embedding.shape.join(", ")}]; expected [1, 1 + side², width]`,
    );
  if (oldSide === side) return embedding;
  return noGrad(() =>
    scoped(() => {
      const picture = embedding.slice(1, 1).permute([0, 2, 1]).reshape([1, width, oldSide, oldSide]);
      const resized = functional.interpolate(picture, { size: side, mode, alignCorners: true });
      return cat([embedding.slice(1, 0, 1), resized.flatten(2).permute([0, 2, 1])], 1);
    }),
  );
}
