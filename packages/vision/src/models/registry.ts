/** What the builders of models share, and a table of them by name. */

import { ArgumentError } from "@kindling/core";
import { type Layer, nearestNames } from "@kindling/nn";

/** What every classification builder takes. */
export interface ClassifierOptions {
  /** Outputs of the last layer. Default 1000, the classes of ImageNet. */
  readonly numClasses?: number;
}

/** Makes a model with random weights. */
export type ModelBuilder = (options?: ClassifierOptions) => Layer;

/** The builder of a name; an unknown name is an error that says which names are near. */
export function findBuilder(builders: Readonly<Record<string, ModelBuilder>>, name: string): ModelBuilder {
  if (Object.hasOwn(builders, name)) return builders[name];
  const names = Object.keys(builders).sort();
  const near = nearestNames(name, names);
  const hint = near.length > 0 ? `did you mean ${near.join(" or ")}?` : `there are: ${names.join(", ")}`;
  throw new ArgumentError(`unknown model "${name}"; ${hint}`);
}
