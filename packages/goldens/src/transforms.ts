/**
 * Golden data of the image transforms: `ops/transforms.json` and `.safetensors`, one small picture through every
 * deterministic transform, as a uint8 tensor, a float tensor and a PIL image.
 */

import { join } from "node:path";
import type { Tensor } from "@kindling/core";
import { io, transforms } from "@kindling/vision";
import { readJson, readSafetensors } from "./fixtures.js";
import { Mismatch, NotBuilt, type Report } from "./report.js";
import { toTensor } from "./stored.js";

const { functional: F } = transforms;

type Backend = "u8" | "f32" | "pil";

interface Case {
  readonly id: string;
  readonly op: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly backend: Backend;
  readonly out: string;
}

/** Arguments as the fixtures name them; each op reads those that are its own. */
interface Arguments {
  readonly size: [number] | [number, number];
  readonly output_size: [number, number];
  readonly crop_size: number;
  readonly resize_size: number;
  readonly max_size?: number | null;
  readonly interpolation: transforms.Interpolation;
  readonly antialias?: boolean | null;
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
  readonly mean: number[];
  readonly std: number[];
  readonly dtype: "f32" | "u8";
  readonly factor: number;
  readonly gamma: number;
  readonly gain: number;
  readonly angle: number;
  readonly expand?: boolean;
  readonly center?: [number, number];
  readonly fill?: number | number[];
  readonly translate: [number, number];
  readonly scale: number;
  readonly shear: [number, number];
  readonly startpoints: [number, number][];
  readonly endpoints: [number, number][];
  readonly kernel_size: [number, number];
  readonly sigma: [number, number] | null;
  readonly bits: number;
  readonly threshold: number;
  readonly num_output_channels: 1 | 3;
  readonly padding: number[];
  readonly padding_mode: transforms.PaddingMode;
  readonly i: number;
  readonly j: number;
  readonly h: number;
  readonly w: number;
  readonly v: number;
}

type Picture = transforms.Picture;
type Run = (picture: Picture, args: Arguments, backend: Backend) => Picture | Picture[];

const warpOptions = ({ interpolation, fill }: Arguments) => ({
  interpolation: interpolation as "nearest" | "bilinear",
  fill,
});
const resizeOptions = ({ interpolation, antialias, max_size }: Arguments) => ({
  interpolation,
  antialias: antialias ?? undefined,
  maxSize: max_size ?? undefined,
});

/** The fixtures come from a torchvision whose presets smooth PIL images only; later ones smooth tensors too, as we do. */
const presetAntialias = (backend: Backend): boolean => backend === "pil";

const RUNS: Readonly<Record<string, Run>> = {
  resize: (p, a) => F.resize(p, a.size, resizeOptions(a)),
  center_crop: (p, a) => F.centerCrop(p, a.output_size),
  crop: (p, a) => F.crop(p, a.top, a.left, a.height, a.width),
  resized_crop: (p, a) =>
    F.resizedCrop(p, a.top, a.left, a.height, a.width, a.size, a.interpolation, {
      antialias: a.antialias ?? undefined,
    }),
  normalize: (p, a) => F.normalize(p as Tensor, a.mean, a.std),
  to_tensor: (p) => F.toTensor(p),
  pil_to_tensor: (p) => F.pilToTensor(p as io.Image),
  convert_image_dtype: (p, a) => F.convertImageDtype(p as Tensor, a.dtype === "u8" ? "uint8" : "float32"),
  adjust_brightness: (p, a) => F.adjustBrightness(p, a.factor),
  adjust_contrast: (p, a) => F.adjustContrast(p, a.factor),
  adjust_saturation: (p, a) => F.adjustSaturation(p, a.factor),
  adjust_sharpness: (p, a) => F.adjustSharpness(p, a.factor),
  adjust_hue: (p, a) => F.adjustHue(p, a.factor),
  adjust_gamma: (p, a) => F.adjustGamma(p, a.gamma, a.gain),
  rotate: (p, a) => F.rotate(p, a.angle, { ...warpOptions(a), expand: a.expand, center: a.center }),
  affine: (p, a) => F.affine(p, a.angle, a.translate, a.scale, a.shear, warpOptions(a)),
  perspective: (p, a) => F.perspective(p, a.startpoints, a.endpoints, warpOptions(a)),
  gaussian_blur: (p, a) => F.gaussianBlur(p, a.kernel_size, a.sigma ?? undefined),
  equalize: (p) => F.equalize(p),
  autocontrast: (p) => F.autocontrast(p),
  invert: (p) => F.invert(p),
  posterize: (p, a) => F.posterize(p, a.bits),
  solarize: (p, a) => F.solarize(p, a.threshold),
  rgb_to_grayscale: (p, a) => F.rgbToGrayscale(p, a.num_output_channels),
  pad: (p, a) => F.pad(p, a.padding, { fill: a.fill, paddingMode: a.padding_mode }),
  hflip: (p) => F.hflip(p),
  vflip: (p) => F.vflip(p),
  erase: (p, a) => F.erase(p, a.i, a.j, a.h, a.w, a.v),
  five_crop: (p, a) => F.fiveCrop(p, a.size),
  "preset.ImageClassification": (p, a, backend) =>
    transforms.imageClassification({
      antialias: presetAntialias(backend),
      cropSize: a.crop_size,
      resizeSize: a.resize_size,
      interpolation: a.interpolation,
      mean: a.mean,
      std: a.std,
    })(p),
  "preset.SemanticSegmentation": (p, a, backend) =>
    transforms.semanticSegmentation({
      antialias: presetAntialias(backend),
      resizeSize: a.resize_size,
      interpolation: a.interpolation,
      mean: a.mean,
      std: a.std,
    })(p),
  "preset.ObjectDetection": (p) => transforms.objectDetection()(p),
};

const EXACT_OPS = new Set([
  "center_crop",
  "crop",
  "hflip",
  "vflip",
  "pad",
  "invert",
  "posterize",
  "solarize",
  "equalize",
  "five_crop",
  "erase",
  "pil_to_tensor",
]);

/** Runs every case under `<directory>/ops` and reports it once, with an error if it does not match. */
export async function runTransforms(directory: string, report: Report): Promise<void> {
  const { image, cases } = readJson<{ image: string; cases: Case[] }>(join(directory, "ops", "transforms.json"));
  const stored = readSafetensors(join(directory, "ops", "transforms.safetensors"));
  const tensor = (name: string): Tensor => toTensor(stored.get(name)!);
  const bytes = tensor(image);
  const pictures: Record<Backend, Picture> = {
    u8: bytes,
    f32: F.convertImageDtype(bytes, "float32"),
    pil: imageOf(bytes),
  };
  for (const test of cases) {
    try {
      const run = RUNS[test.op];
      if (!run) throw new NotBuilt(`the transform ${test.op} is not built yet`);
      compare(test, run(pictures[test.backend], test.args as unknown as Arguments, test.backend), tensor(test.out));
      report(test.id);
    } catch (error) {
      report(test.id, error);
    }
  }
}

/** Largest difference allowed, in units of the output. */
function tolerance(test: Case, want: Tensor): number {
  const args = test.args as unknown as Arguments;
  if (test.backend === "f32" && want.dtype === "float32") {
    const largest = (want.hostData() as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return (test.op === "adjust_hue" ? 1e-4 : 1e-5) * largest;
  }
  if (want.dtype === "uint8") return EXACT_OPS.has(test.op) ? 0 : 1;
  // Bytes that became floats: one level before the normalisation, or rounding alone where nothing was resampled.
  return args.std ? 1 / 255 / Math.min(...args.std) + 1e-5 : 1e-5;
}

function compare(test: Case, got: Picture | Picture[], want: Tensor): void {
  const results = (Array.isArray(got) ? got : [got]).map((picture) =>
    picture instanceof io.Image ? F.pilToTensor(picture) : picture,
  );
  const shape = Array.isArray(got) ? [results.length, ...results[0].shape] : results[0].shape;
  if (shape.join() !== want.shape.join()) throw new Mismatch(`shape [${shape}], expected [${want.shape}]`);
  if (results[0].dtype !== want.dtype) throw new Mismatch(`dtype ${results[0].dtype}, expected ${want.dtype}`);
  const values = results.flatMap((tensor) => Array.from(tensor.hostData() as Float32Array));
  const allowed = tolerance(test, want);
  const expected = want.hostData() as Float32Array;
  let worst = 0;
  values.forEach((value, i) => {
    worst = Math.max(worst, Number.isNaN(value) ? Number.POSITIVE_INFINITY : Math.abs(value - expected[i]));
  });
  if (worst > allowed) throw new Mismatch(`differs by ${worst}, allowed ${allowed}`);
}

function imageOf(bytes: Tensor): io.Image {
  const [channels, height, width] = bytes.shape;
  const planes = bytes.hostData()!;
  const data = new Uint8Array(planes.length);
  for (let i = 0; i < data.length; i++) {
    data[i] = Number(planes[(i % channels) * height * width + Math.floor(i / channels)]);
  }
  return new io.Image(data, width, height, channels);
}
