/**
 * Finding pictures: one folder a class, on disk or among the files that a browser's user chose.
 */

import { DataError } from "@kindling/data";
import { platform } from "#platform/images";

/** Files that count as pictures, by the end of their names. */
export const IMAGE_EXTENSIONS: readonly string[] = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"];

/** One picture of a folder. */
export interface FolderSample {
  /** Where it is, for people. */
  readonly path: string;
  /** The index of its class. */
  readonly label: number;
  /** The file, where a browser gave it. */
  readonly file?: File;
}

/** Which pictures there are, of which classes. */
export interface FolderListing {
  readonly root: string;
  /** Names of the classes; a label is an index into them. */
  readonly classes: readonly string[];
  readonly samples: readonly FolderSample[];
}

export interface ListingOptions {
  /** Ends of file names that count as pictures, in lower case; `IMAGE_EXTENSIONS` by default. */
  readonly extensions?: readonly string[];
  /** Keep a class without pictures instead of raising an error. */
  readonly allowEmpty?: boolean;
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const isHidden = (name: string): boolean => name.startsWith(".");

/** The pictures in the folders under `root`. */
export function listFolder(root: string, options: ListingOptions): FolderListing {
  const classes = classFolders(root);
  const byClass = new Map(classes.map((name) => [name, [...filesUnder(`${root}/${name}`)].map((path) => ({ path }))]));
  return assemble(root, byClass, options);
}

/** Names of the folders in `root`, sorted; a `DataError` says what is wrong where there are none. */
export function classFolders(root: string): string[] {
  const entries = list(root);
  const classes = entries.filter(({ name, isDirectory }) => isDirectory && !isHidden(name)).map(({ name }) => name);
  if (classes.length === 0) {
    const files = entries.filter(({ name, isDirectory }) => !isDirectory && !isHidden(name)).length;
    const there = files === 0 ? "is empty" : `has no folders, only ${files} files`;
    throw new DataError(`${root} ${there}; expected one folder a class, with pictures in it`);
  }
  return classes.sort(byName);
}

function list(path: string) {
  try {
    return platform.listDirectory(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`the folder ${path} cannot be read: ${reason}`, { cause });
  }
}

/** Every file under a folder that is not hidden, in order of the names. */
function* filesUnder(folder: string): Iterable<string> {
  const entries = list(folder)
    .filter(({ name }) => !isHidden(name))
    .sort((a, b) => byName(a.name, b.name));
  for (const { name, isDirectory } of entries) if (!isDirectory) yield `${folder}/${name}`;
  for (const { name, isDirectory } of entries) if (isDirectory) yield* filesUnder(`${folder}/${name}`);
}

/** The pictures among chosen files, by the folder under the chosen one, as `webkitRelativePath` has it. */
export function listFiles(files: Iterable<File>, options: ListingOptions): FolderListing {
  const byClass = new Map<string, Omit<FolderSample, "label">[]>();
  let root = "the chosen files";
  for (const file of files) {
    const path = file.webkitRelativePath || file.name;
    const parts = path.split("/");
    if (parts.some(isHidden) || parts.length < 3) continue;
    root = parts[0];
    byClass.set(parts[1], [...(byClass.get(parts[1]) ?? []), { path, file }]);
  }
  if (byClass.size === 0)
    throw new DataError("the chosen files are in no class folders; choose a folder that holds one folder a class");
  for (const samples of byClass.values()) samples.sort((a, b) => byName(a.path, b.path));
  return assemble(root, byClass, options);
}

function assemble(
  root: string,
  byClass: ReadonlyMap<string, readonly Omit<FolderSample, "label">[]>,
  { extensions = IMAGE_EXTENSIONS, allowEmpty = false }: ListingOptions,
): FolderListing {
  const isPicture = ({ path }: { path: string }) => extensions.some((end) => path.toLowerCase().endsWith(end));
  const classes = [...byClass.keys()].sort(byName);
  const samples = classes.flatMap((name, label) =>
    byClass
      .get(name)!
      .filter(isPicture)
      .map((found) => ({ ...found, label })),
  );
  const empty = classes.filter((_, label) => !samples.some((sample) => sample.label === label));
  if (empty.length > 0 && (!allowEmpty || samples.length === 0)) {
    throw new DataError(
      `no pictures in the class ${empty.length === 1 ? "folder" : "folders"} ${empty.join(", ")} of ${root}; expected files that end with ${extensions.join(", ")}`,
    );
  }
  return { root, classes, samples };
}
