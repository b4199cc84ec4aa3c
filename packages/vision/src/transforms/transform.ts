/**
 * A transform is a function from a picture to a picture; this file has the type and how transforms are composed.
 */

import { type SampleContext, sampleContext } from "@kindling/data";
import type { Picture } from "./raster.js";

/** What a transform may draw from: random numbers of the sample (seed, epoch, index). */
export type TransformContext = Pick<SampleContext, "rng">;

/**
 * Called by data sets with the context of the sample, so that an augmentation can be repeated; called by hand without
 * one, random transforms draw fresh numbers.
 */
export type Transform<In, Out = In> = (input: In, context?: TransformContext) => Out;

/** The context given, or a fresh random one. */
export const contextOr = (context: TransformContext | undefined): TransformContext => context ?? sampleContext();

type Step = Transform<never, unknown>;

/** What the first step takes. */
type InputOf<Steps extends readonly Step[]> = Steps extends readonly [infer First extends Step, ...unknown[]]
  ? Parameters<First>[0]
  : Parameters<Steps[number]>[0];

/** What the last step gives; a step that keeps the kind of picture gives what the steps before it give. */
type OutputOf<Steps extends readonly Step[]> = Steps extends readonly [
  ...infer Before extends readonly Step[],
  infer Last extends Step,
]
  ? Before extends readonly []
    ? ReturnType<Last>
    : Picture extends ReturnType<Last>
      ? OutputOf<Before>
      : ReturnType<Last>
  : ReturnType<Steps[number]>;

/** Applies transforms one after another, with the same random numbers for all. */
export function compose<const Steps extends readonly Step[]>(steps: Steps): Transform<InputOf<Steps>, OutputOf<Steps>> {
  return (input, context) => {
    const shared = contextOr(context);
    return steps.reduce<unknown>((value, step) => step(value as never, shared), input) as OutputOf<Steps>;
  };
}
