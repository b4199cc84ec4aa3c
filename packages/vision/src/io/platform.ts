/**
 * What image files need from the platform. `platform.node.ts` and `platform.browser.ts` implement it; the package
 * import `#platform/images` picks one, so that no Node module reaches a bundle for browsers.
 */

import type { Image } from "./image.js";

/** A decoded file: upright, 8 bits a channel, interleaved. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Channels of `data`. */
  readonly channels: number;
  /** The file holds grey levels: the colour channels of `data` are equal. */
  readonly grey: boolean;
  /** The file holds transparency: the last channel of `data`. */
  readonly alpha: boolean;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

export interface ImagePlatform {
  decodePixels(bytes: Uint8Array): Promise<Pixels>;
  encodePng(image: Image): Promise<Uint8Array>;
  /** The bytes of a file (Node) or of what a URL gives (browsers). */
  readBytes(path: string | URL): Promise<Uint8Array>;
  /** What a directory holds; symbolic links count as what they point to. Not in browsers. */
  listDirectory(path: string): DirectoryEntry[];
}
