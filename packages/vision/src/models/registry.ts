/** Finding models by their names. */

import { ArgumentError } from "@kindling/core";
import { nearestNames } from "@kindling/nn";
import { fnmatch } from "./fnmatch.js";
import { shown } from "./options.js";

/** The builder of a name, in whatever case. @throws ArgumentError for an unknown name, with the nearest ones */
export function findBuilder<B>(builders: Readonly<Record<string, B>>, name: string): B {
  const key = modelKey(name);
  if (Object.hasOwn(builders, key)) return builders[key];
  throw unknownModel(name, Object.keys(builders));
}

/** A name as the tables have it. @throws ArgumentError for what is no text */
export function modelKey(name: unknown): string {
  if (typeof name === "string") return name.toLowerCase();
  throw new ArgumentError(`the name of a model is ${shown(name)}; expected one of listModels(), such as "resnet50"`);
}

/** The error of a name that no model has. */
export function unknownModel(name: string, known: readonly string[]): ArgumentError {
  const near = nearestNames(name, known);
  const hint = near.length > 0 ? `did you mean ${near.join(" or ")}?` : `there are: ${known.toSorted().join(", ")}`;
  return new ArgumentError(`unknown model "${name}"; ${hint}`);
}

/** Which names are wanted: patterns such as `"resnet*"`, `"vit_?_16"`, `"vgg1[13]"`, `"[!r]*"`, in small letters. */
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

function patterns(given: NamePatterns["include"]): string[] {
  if (given === undefined || given === null || given === "") return [];
  const list = typeof given === "object" && Symbol.iterator in given ? [...given] : [given];
  return list.map((pattern: unknown) => {
    if (typeof pattern === "string") return pattern;
    throw new ArgumentError(
      `a pattern of names is ${shown(pattern)}; expected text such as "resnet*", or a list of such`,
    );
  });
}
