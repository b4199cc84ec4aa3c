/** What the builders of models share, and a table of them by name. */

import { ArgumentError } from "@kindling/core";
import { type Layer, nearestNames } from "@kindling/nn";

/** What every classification builder takes. */
export interface ClassifierOptions {
  /** Outputs of the last layer. Default 1000, the classes of ImageNet. */
  readonly numClasses?: number;
}

/**
 * Refuses an option that a model does not take: passed over in silence, it would build another model than was meant.
 * @param known the options that it takes
 */
export function checkOptions(model: string, options: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (known.includes(name) || value === undefined) continue;
    if ((name === "weights" || name === "pretrained") && !value) continue;
    const near = nearestNames(name, known, 1);
    const hint =
      name === "weights" || name === "pretrained"
        ? "read a .pth with checkpoint.load and give it to the model's loadStateDict"
        : near.length > 0
          ? `did you mean ${near[0]}?`
          : `it takes: ${known.join(", ")}`;
    throw new ArgumentError(`${model}: unknown option "${name}"; ${hint}`);
  }
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
