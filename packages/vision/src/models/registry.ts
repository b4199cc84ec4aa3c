/** Finding models by their names. */

import { ArgumentError } from "@kindling/core";
import { nearestNames } from "@kindling/nn";
import { fnmatch } from "./fnmatch.js";

/** The builder of a name, in whatever case. @throws ArgumentError for an unknown name, with the nearest ones */
export function findBuilder<B>(builders: Readonly<Record<string, B>>, name: string): B {
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
