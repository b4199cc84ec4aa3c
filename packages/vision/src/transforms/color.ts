/**
 * Brightness, contrast, saturation, sharpness and hue. All but hue are blends of the picture with a plainer one.
 */

import { ArgumentError } from "@kindling/core";
import { luminance } from "./convert.js";
import { smooth3x3 } from "./filter.js";
import { clamp } from "./numbers.js";
import { apply, brightest, isFloat, mapPixels, type Picture, type Raster, strides, withData } from "./raster.js";

/** factor × picture + (1 - factor) × plain, clipped to the range; fractions of bytes are cut off. */
function blend(raster: Raster, plain: (index: number) => number, factor: number): Raster {
  const bound = brightest(raster);
  return mapPixels(raster, (value, i) => clamp(factor * value + (1 - factor) * plain(i), 0, bound));
}

function checkFactor(factor: number, name: string): void {
  if (!(factor >= 0))
    throw new ArgumentError(`the ${name} factor is ${factor}; expected 0 or more (1 changes nothing)`);
}

/** Of three colours, or a grey one: what the colour transforms are defined on. */
function checkColours(raster: Raster, op: string): void {
  if (raster.channels !== 1 && raster.channels !== 3) {
    throw new ArgumentError(`${op} takes pictures of 1 or 3 channels, got ${raster.channels}; decode with mode "rgb"`);
  }
}

/** Multiplies the brightness: 0 gives black, 1 the picture, 2 twice as bright. */
export function adjustBrightness<P extends Picture>(picture: P, factor: number): P {
  checkFactor(factor, "brightness");
  return apply("adjustBrightness", picture, (raster) => {
    checkColours(raster, "adjustBrightness");
    return blend(raster, () => 0, factor);
  });
}

/** Scales the distance from the mean luminance: 0 gives an even grey, 1 the picture. */
export function adjustContrast<P extends Picture>(picture: P, factor: number): P {
  checkFactor(factor, "contrast");
  return apply("adjustContrast", picture, (raster) => {
    checkColours(raster, "adjustContrast");
    const grey = luminance(raster);
    let sum = 0;
    for (const value of grey) sum += value;
    const mean = sum / grey.length;
    const plain = raster.kind === "image" ? Math.floor(mean + 0.5) : mean;
    return blend(raster, () => plain, factor);
  });
}

/** Scales the distance from grey: 0 gives a grey picture, 1 the picture. A picture of one channel stays. */
export function adjustSaturation<P extends Picture>(picture: P, factor: number): P {
  checkFactor(factor, "saturation");
  return apply("adjustSaturation", picture, (raster) => {
    checkColours(raster, "adjustSaturation");
    if (raster.channels === 1) return raster;
    const grey = luminance(raster);
    const { channels } = raster;
    return blend(
      raster,
      raster.kind === "image" ? (i) => grey[Math.floor(i / channels)] : (i) => grey[i % grey.length],
      factor,
    );
  });
}

/** Scales the distance from a blurred picture: 0 gives a blurred, 1 the same, 2 a sharpened picture. */
export function adjustSharpness<P extends Picture>(picture: P, factor: number): P {
  checkFactor(factor, "sharpness");
  return apply("adjustSharpness", picture, (raster) => {
    checkColours(raster, "adjustSharpness");
    const blurred = smooth3x3(raster).data;
    return blend(raster, (i) => blurred[i], factor);
  });
}

/** Turns the hue by `factor` of the colour circle, -0.5 … 0.5. A picture of one channel stays. */
export function adjustHue<P extends Picture>(picture: P, factor: number): P {
  if (!(factor >= -0.5 && factor <= 0.5)) {
    throw new ArgumentError(`the hue factor is ${factor}; expected a number from -0.5 to 0.5 (0 changes nothing)`);
  }
  return apply("adjustHue", picture, (raster) => {
    checkColours(raster, "adjustHue");
    if (raster.channels === 1) return raster;
    const turn = raster.kind === "image" ? turnHueOfBytes(factor) : turnHue(factor, brightest(raster));
    const { channel, column } = strides(raster);
    const out = withData(raster, raster.data.slice());
    for (let pixel = 0; pixel < raster.height * raster.width; pixel++) {
      const at = pixel * column;
      const rgb = turn(raster.data[at], raster.data[at + channel], raster.data[at + 2 * channel]);
      for (let c = 0; c < 3; c++) out.data[at + c * channel] = rgb[c];
    }
    return out;
  });
}

type Triple = readonly [number, number, number];
type ColourMap = (r: number, g: number, b: number) => Triple;

/** Hue and saturation in [0, 1] of a colour, and its largest component; in f32, where the references decide ties. */
function rgbToHsv(r: number, g: number, b: number): Triple {
  const largest = Math.max(r, g, b);
  const spread = largest - Math.min(r, g, b);
  if (spread === 0) return [0, 0, largest];
  const below = (component: number) => Math.fround((largest - component) / spread);
  const [fromR, fromG, fromB] = [below(r), below(g), below(b)];
  const sixths = r === largest ? fromB - fromG : g === largest ? 2 + fromR - fromB : 4 + fromG - fromR;
  return [Math.fround((Math.fround(sixths) / 6 + 1) % 1), Math.fround(spread / largest), largest];
}

/** The colour with hue `sixths` / 6; `finish` rounds each mixed component. */
function hsvToRgb(sixths: number, s: number, v: number, finish: (component: number) => number): Triple {
  const sector = Math.floor(sixths);
  const f = sixths - sector;
  const p = finish(v * (1 - s));
  const q = finish(v * (1 - s * f));
  const t = finish(v * (1 - s * (1 - f)));
  const sectors: readonly Triple[] = [
    [v, t, p],
    [q, v, p],
    [p, v, t],
    [p, q, v],
    [t, p, v],
    [v, p, q],
  ];
  return sectors[sector % 6];
}

/** Torchvision's way: in f32 on [0, 1], bytes cut off at the end. */
function turnHue(factor: number, bound: number): ColourMap {
  return (r, g, b) => {
    const [h, s, v] = rgbToHsv(r / bound, g / bound, b / bound);
    const turned = (((h + factor) % 1) + 1) % 1;
    const [red, green, blue] = hsvToRgb(turned * 6, s, v, (component) => clamp(component, 0, 1));
    return [red * bound, green * bound, blue * bound];
  };
}

/** Pillow's way: hue and saturation are bytes, and adding to the hue wraps around at 256. */
function turnHueOfBytes(factor: number): ColourMap {
  const shift = Math.trunc(factor * 255);
  return (r, g, b) => {
    const [h, s, v] = rgbToHsv(r, g, b);
    const hue = (Math.trunc(h * 255) + shift) & 0xff;
    const saturation = Math.trunc(s * 255) / 255;
    return hsvToRgb((hue * 6) / 255, saturation, v, (component) => clamp(Math.round(component), 0, 255));
  };
}

/** gain × value^gamma on [0, 1], clipped. */
export function adjustGamma<P extends Picture>(picture: P, gamma: number, gain = 1): P {
  if (!(gamma >= 0)) throw new ArgumentError(`gamma is ${gamma}; expected 0 or more`);
  return apply("adjustGamma", picture, (raster) => {
    checkColours(raster, "adjustGamma");
    if (isFloat(raster)) return mapPixels(raster, (value) => clamp(gain * value ** gamma, 0, 1));
    const table = Float64Array.from({ length: 256 }, (_, i) => clamp(gain * (i / 255) ** gamma, 0, 1) * 255.999);
    return mapPixels(raster, (value) => table[value]);
  });
}
