/** Options that the builders of classifiers share, and the checks that options are what was meant. */

import { ArgumentError } from "@kindling/core";
import { nearestNames } from "@kindling/nn";

/** What every classification builder takes. */
export interface ClassifierOptions {
  /** Outputs of the last layer. Default 1000, the classes of ImageNet. */
  readonly numClasses?: number;
}

/**
 * Refuses what is no object: a positional argument, as `resnet18(true)` of older torchvision, has no meaning here.
 * @param expected what the object has, or an example
 */
export function checkObject(caller: string, options: unknown, expected: string): void {
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return;
  throw new ArgumentError(`${caller}: ${shown(options)} was given; expected an object ${expected}`);
}

/**
 * Refuses an option that a model or function does not take: passed over in silence, it would do something else than
 * was meant; and a number of classes that is none.
 * @param known the options that it takes
 */
export function checkOptions(
  caller: string,
  options: object & Partial<ClassifierOptions>,
  known: readonly string[],
): void {
  checkObject(caller, options, `with ${known.join(", ")}`);
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && !known.includes(name)) throw unknownOption(caller, name, known);
  if (options.numClasses !== undefined) checkClasses(caller, options.numClasses);
}

function unknownOption(caller: string, name: string, known: readonly string[]): ArgumentError {
  const near = nearestNames(name, known, 1);
  const hint =
    name === "weights" || name === "pretrained"
      ? 'builders take it, as in await resnet50({ weights: "DEFAULT" })'
      : near.length > 0
        ? `did you mean ${near[0]}?`
        : `it takes: ${known.join(", ")}`;
  return new ArgumentError(`${caller}: unknown option "${name}"; ${hint}`);
}

/** Refuses a number of classes that no layer can have. */
export function checkClasses(caller: string, numClasses: unknown): void {
  if (Number.isSafeInteger(numClasses) && (numClasses as number) > 0) return;
  throw new ArgumentError(`${caller}: numClasses is ${shown(numClasses)}; expected a whole number, 1 or more`);
}

/** A value that was given, for an error's message: text in quotes, and of objects what they are. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "function" ? `the function ${value.name}` : String(value);
}
