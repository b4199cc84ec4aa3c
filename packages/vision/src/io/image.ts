/**
 * A decoded picture on the host, the counterpart of PIL.Image.
 */

import { fromHost, ShapeError, type Tensor } from "@kindling/core";

/**
 * Pixels of 8 bits a channel, rows from top to bottom, channels interleaved (height × width × channels).
 * Transforms of an Image compute as Pillow does: in whole numbers, resizing with antialiasing.
 */
export class Image {
  /** `data[(y * width + x) * channels + c]`, 0 … 255. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. */
  readonly channels: number;

  constructor(data: Uint8Array, width: number, height: number, channels: number) {
    if (data.length !== width * height * channels || data.length === 0) {
      throw new ShapeError(
        `an image of ${width} × ${height} pixels with ${channels} channels needs ${width * height * channels} bytes (more than 0), got ${data.length}`,
      );
    }
    this.data = data;
    this.width = width;
    this.height = height;
    this.channels = channels;
  }

  /** The pixels as a uint8 tensor [channels, height, width] (torchvision's `pil_to_tensor`). */
  toTensor(): Tensor {
    const { data, channels } = this;
    const area = this.width * this.height;
    const planes = new Uint8Array(data.length);
    for (let c = 0; c < channels; c++) {
      for (let pixel = 0; pixel < area; pixel++) planes[c * area + pixel] = data[pixel * channels + c];
    }
    return fromHost(planes, [channels, this.height, this.width], "uint8");
  }

  toString(): string {
    return `Image(${this.width} × ${this.height}, ${this.channels} ${this.channels === 1 ? "channel" : "channels"})`;
  }
}
