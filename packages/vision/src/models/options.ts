/** Options that the builders of classifiers share, and the check that none is misspelt. */

import { ArgumentError } from "@kindling/core";
import { nearestNames } from "@kindling/nn";

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
    const near = nearestNames(name, known, 1);
    const hint =
      name === "weights" || name === "pretrained"
        ? 'builders take it, as in await resnet50({ weights: "DEFAULT" })'
        : near.length > 0
          ? `did you mean ${near[0]}?`
          : `it takes: ${known.join(", ")}`;
    throw new ArgumentError(`${model}: unknown option "${name}"; ${hint}`);
  }
}
