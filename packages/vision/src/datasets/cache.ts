/**
 * Decoded pictures kept in memory: small data sets are read again each epoch.
 */

import type { Image } from "../io/image.js";

/** Keeps pictures by key, up to a number of bytes of pixels; `true` sets no limit, `false` keeps none. */
export class ImageCache {
  readonly #limit: number;
  readonly #images = new Map<object, Promise<Image>>();
  #bytes = 0;

  constructor(limit: boolean | number) {
    this.#limit = typeof limit === "number" ? limit : limit ? Number.POSITIVE_INFINITY : 0;
  }

  get(key: object, load: () => Promise<Image>): Promise<Image> {
    const known = this.#images.get(key);
    if (known) return known;
    const image = load();
    if (this.#bytes < this.#limit) {
      this.#images.set(key, image);
      image.then(
        ({ data }) => {
          this.#bytes += data.length;
          if (this.#bytes > this.#limit) this.#drop(key, data.length);
        },
        () => this.#drop(key, 0),
      );
    }
    return image;
  }

  #drop(key: object, bytes: number): void {
    this.#images.delete(key);
    this.#bytes -= bytes;
  }
}
