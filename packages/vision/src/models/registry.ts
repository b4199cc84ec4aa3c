/** What the builders of models share, and how to find them by name. */

import { ArgumentError } from "@kindling/core";
import { nearestNames } from "@kindling/nn";
import type { ModelBuilder } from "./builder.js";
import { fnmatch } from "./fnmatch.js";

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

/** The builder of a name, in whatever case. @throws ArgumentError for an unknown name, with the nearest ones */
export function findBuilder(builders: Readonly<Record<string, ModelBuilder>>, name: string): ModelBuilder {
  const key = name.toLowerCase();
  if (Object.hasOwn(builders, key)) return builders[key];
  throw unknownModel(name, Object.keys(builders));
}

/** The error of a name that no model has. */
export function unknownModel(name: string, known: readonly string[]): ArgumentError {
  const near = nearestNames(name, known);
  const hint = near.length > 0 ? `did you mean ${near.join(" or ")}?` : `there are: ${known.toSorted().join(", ")}`;
  return new ArgumentError(`unknown model "${name}"; ${hint}`);
}

/** Which names are wanted: patterns such as `"resnet*"`, `"vit_?_16"`, `"vgg1[13]"`, `"[!r]*"`. */
export interface NamePatterns {
  /** Those that fit one of these. Default, also for none: all. */
  readonly include?: string | Iterable<string> | null;
  /** But for those that fit one of these. */
  readonly exclude?: string | Iterable<string> | null;
}

/** The names that fit, sorted. */
export function selectNames(names: Iterable<string>, { include, exclude }: NamePatterns): string[] {
  const wanted = patterns(include);
  const unwanted = patterns(exclude);
  const fits = (name: string, some: readonly string[]): boolean => some.some((pattern) => fnmatch(name, pattern));
  return [...names].filter((name) => (wanted.length === 0 || fits(name, wanted)) && !fits(name, unwanted)).sort();
}

const patterns = (given: NamePatterns["include"]): string[] =>
  typeof given === "string" ? [given].filter((pattern) => pattern !== "") : [...(given ?? [])];
