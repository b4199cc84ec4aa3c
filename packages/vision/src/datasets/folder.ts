/**
 * Pictures in one folder a class (torchvision.datasets.ImageFolder).
 */

import { DataError, type Dataset, type SampleContext } from "@kindling/data";
import { decodeImage } from "../io/decode.js";
import { ImageError } from "../io/errors.js";
import type { Image } from "../io/image.js";
import type { Transform } from "../transforms/transform.js";
import { ImageCache } from "./cache.js";
import { type FolderListing, type FolderSample, type ListingOptions, listFiles, listFolder } from "./listing.js";

export interface ImageFolderOptions<Item> extends ListingOptions {
  /** From the decoded picture to what the data set gives; the `Image` itself by default. */
  readonly transform?: Transform<Image, Item>;
  /** From the class index to the label that the data set gives. */
  readonly targetTransform?: (label: number) => number;
  /** Reads a picture; decodes to RGB by default. */
  readonly loader?: (sample: FolderSample) => Promise<Image>;
  /** Keep decoded pictures in memory: all of them, up to this many bytes of pixels, or in a cache shared with others. */
  readonly cache?: boolean | number | ImageCache;
}

/** A picture that cannot be read. */
export interface BadSample {
  readonly index: number;
  readonly path: string;
  readonly error: Error;
}

/**
 * A data set of `[picture, label]`. The folders directly under the root are the classes, in order of their names;
 * pictures may lie deeper. Names that begin with a dot are left out.
 *
 * In browsers, the root is the files of an `<input type="file" webkitdirectory>`.
 */
export class ImageFolder<Item = Image> implements Dataset<[Item, number]> {
  readonly root: string;
  /** Names of the classes; a label is an index into them. */
  readonly classes: readonly string[];
  readonly classToIdx: ReadonlyMap<string, number>;
  readonly samples: readonly FolderSample[];
  readonly #options: ImageFolderOptions<Item>;
  readonly #cache: ImageCache;

  /** Raises a `DataError` if the root is missing, has no class folders, or a class has no pictures. */
  constructor(root: string | Iterable<File> | FolderListing, options: ImageFolderOptions<Item> = {}) {
    const listing = toListing(root, options);
    this.root = listing.root;
    this.classes = listing.classes;
    this.classToIdx = new Map(listing.classes.map((name, index) => [name, index]));
    this.samples = listing.samples;
    this.#options = options;
    this.#cache = options.cache instanceof ImageCache ? options.cache : new ImageCache(options.cache ?? false);
  }

  get length(): number {
    return this.samples.length;
  }

  /** The label of each sample. */
  get targets(): readonly number[] {
    return this.samples.map((sample) => sample.label);
  }

  async get(index: number, context?: SampleContext): Promise<[Item, number]> {
    const { transform, targetTransform } = this.#options;
    const image = await this.#image(index);
    const { label } = this.samples[index];
    return [transform ? transform(image, context) : (image as Item), targetTransform ? targetTransform(label) : label];
  }

  /** The same classes with some of the samples; decoded pictures are shared. */
  select(indices: Iterable<number>): ImageFolder<Item> {
    const samples = Array.from(indices, (index) => this.#sample(index));
    return new ImageFolder<Item>({ ...this, samples }, { ...this.#options, cache: this.#cache });
  }

  /** The same pictures through another transform; decoded pictures are shared. */
  withTransform<Other>(transform: Transform<Image, Other>): ImageFolder<Other> {
    return new ImageFolder<Other>(this, { ...this.#options, transform, cache: this.#cache });
  }

  /** Decodes every picture and returns those that cannot be read. */
  async findBad(concurrency = 8): Promise<BadSample[]> {
    const bad: BadSample[] = [];
    const indices = this.samples.keys();
    const work = async () => {
      for (const index of indices) {
        try {
          await this.#image(index);
        } catch (error) {
          if (!(error instanceof ImageError)) throw error;
          bad.push({ index, path: this.samples[index].path, error });
        }
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
    return bad.sort((a, b) => a.index - b.index);
  }

  /** The data set without the given pictures. */
  without(bad: readonly { readonly index: number }[]): ImageFolder<Item> {
    const left = new Set(bad.map(({ index }) => index));
    return this.select([...this.samples.keys()].filter((index) => !left.has(index)));
  }

  #image(index: number): Promise<Image> {
    const sample = this.#sample(index);
    const { loader = decodeSample } = this.#options;
    return this.#cache.get(sample, () => loader(sample));
  }

  #sample(index: number): FolderSample {
    const sample = this.samples[index];
    if (!sample) throw new DataError(`index ${index} is outside the folder's ${this.length} pictures`, { index });
    return sample;
  }

  toString(): string {
    return `ImageFolder(${this.root}: ${this.length} pictures, ${this.classes.length} classes)`;
  }
}

function toListing(root: string | Iterable<File> | FolderListing, options: ListingOptions): FolderListing {
  if (typeof root === "string") return listFolder(root, options);
  return "samples" in root ? root : listFiles(root, options);
}

const decodeSample = ({ file, path }: FolderSample): Promise<Image> => decodeImage(file ?? path, { name: path });
