/** Small random pictures for property tests, as images and as tensors. */

import { fromHost, type Tensor } from "@kindling/core";
import { io, type transforms } from "@kindling/vision";
import fc from "fast-check";

/** A picture with pixels made from a seed. */
export function image(width: number, height: number, channels: number, seed = 1): io.Image {
  let state = seed;
  const data = Uint8Array.from({ length: width * height * channels }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  return new io.Image(data, width, height, channels);
}

/** The pixels of a picture, row-major, in the order of its own layout. */
export function pixels(picture: transforms.Picture): number[] {
  return Array.from(picture instanceof io.Image ? picture.data : (picture.hostData() as Float32Array));
}

/** A tensor with the shape and the values. */
export function floats(shape: number[], values: readonly number[]): Tensor {
  return fromHost(Float32Array.from(values), shape, "float32");
}

const sizes = fc.integer({ min: 1, max: 12 });

/** Images of random size, one or three channels and random pixels. */
export const images = fc
  .tuple(sizes, sizes, fc.constantFrom(1, 3), fc.integer({ min: 1, max: 1e9 }))
  .map(([width, height, channels, seed]) => image(width, height, channels, seed));

/** Images and uint8 tensors. */
export const pictures = fc
  .tuple(images, fc.boolean())
  .map(([picture, asTensor]): transforms.Picture => (asTensor ? picture.toTensor() : picture));
