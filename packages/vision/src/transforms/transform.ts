/**
 * A transform is a function from a picture to a picture; this file has the type and how transforms are composed.
 */

import { type SampleContext, sampleContext } from "@kindling/data";

/** What a transform may draw from: random numbers of the sample (seed, epoch, index). */
export type TransformContext = Pick<SampleContext, "rng">;

/**
 * Called by data sets with the context of the sample, so that an augmentation can be repeated; called by hand without
 * one, random transforms draw fresh numbers.
 */
export type Transform<In, Out = In> = (input: In, context?: TransformContext) => Out;

/** The context given, or a fresh random one. */
export const contextOr = (context: TransformContext | undefined): TransformContext => context ?? sampleContext();

/** Applies transforms one after another. */
export function compose<A, B>(steps: readonly [Transform<A, B>]): Transform<A, B>;
export function compose<A, B, C>(steps: readonly [Transform<A, B>, Transform<B, C>]): Transform<A, C>;
export function compose<A, B, C, D>(
  steps: readonly [Transform<A, B>, Transform<B, C>, Transform<C, D>],
): Transform<A, D>;
export function compose<A, B, C, D, E>(
  steps: readonly [Transform<A, B>, Transform<B, C>, Transform<C, D>, Transform<D, E>],
): Transform<A, E>;
export function compose<In, Out = In>(steps: readonly Transform<never, unknown>[]): Transform<In, Out>;
export function compose(steps: readonly Transform<never, unknown>[]): Transform<unknown, unknown> {
  return (input, context) => {
    const shared = contextOr(context);
    return steps.reduce((value, step) => step(value as never, shared), input);
  };
}
