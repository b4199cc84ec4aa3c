/** Random transforms: reproducible from the sample's numbers, and distributed as torchvision says. */

import type { Tensor } from "@kindling/core";
import { sampleContext } from "@kindling/data";
import { io, transforms } from "@kindling/vision";
import { describe, expect, it } from "vitest";
import { image, pixels } from "./pictures.js";

const { functional: F } = transforms;
const picture = image(24, 18, 3);
const context = (index: number, epoch = 0) => sampleContext(index, epoch, 42);
const times = (count: number) => Array.from({ length: count }, (_, i) => i);

const EVERY: Record<string, transforms.Transform<io.Image, transforms.Picture>> = {
  randomHorizontalFlip: transforms.randomHorizontalFlip(),
  randomVerticalFlip: transforms.randomVerticalFlip(),
  randomGrayscale: transforms.randomGrayscale(0.5),
  randomResizedCrop: transforms.randomResizedCrop(8),
  randomCrop: transforms.randomCrop(9, { padding: 2 }),
  colorJitter: transforms.colorJitter({ brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.2 }),
  randomRotation: transforms.randomRotation(40),
  randomAffine: transforms.randomAffine(20, { translate: [0.2, 0.2], scale: [0.8, 1.2], shear: 10 }),
  gaussianBlur: transforms.gaussianBlur(3),
  randomErasing: transforms.compose([transforms.toTensor(), transforms.randomErasing({ value: "random" })]),
  randomApply: transforms.randomApply(transforms.randomRotation(40)),
  randomChoice: transforms.randomChoice([transforms.randomHorizontalFlip(1), transforms.randomVerticalFlip(1)]),
  imageClassificationTrain: transforms.imageClassificationTrain({ cropSize: 8 }),
};

describe("random transforms", () => {
  it.each(Object.entries(EVERY))("%s is the same for the same sample, and varies", (_, transform) => {
    const seen = new Set<string>();
    for (const index of times(20)) {
      const result = pixels(transform(picture, context(index))).join();
      expect(pixels(transform(picture, context(index))).join()).toBe(result);
      seen.add(result);
    }
    expect(seen.size).toBeGreaterThan(1);
    const fresh = new Set(times(20).map(() => pixels(transform(picture)).join()));
    expect(fresh.size).toBeGreaterThan(1);
  });

  it("differ from epoch to epoch", () => {
    const transform = transforms.randomResizedCrop(8);
    const first = pixels(transform(picture, context(0, 0)));
    expect(pixels(transform(picture, context(0, 1)))).not.toEqual(first);
  });

  it("flip with the probability asked for", () => {
    const pair = new io.Image(Uint8Array.of(1, 2), 2, 1, 1);
    for (const p of [0, 0.25, 1]) {
      const flip = transforms.randomHorizontalFlip(p);
      const share = times(2000).filter((i) => flip(pair, context(i)).data[0] === 2).length / 2000;
      expect(Math.abs(share - p)).toBeLessThan(0.04);
    }
    expect(() => transforms.randomHorizontalFlip(1.5)).toThrow(/probability is 1.5/);
  });

  it("crop within the picture, and pad if needed", () => {
    const ramp = new io.Image(Uint8Array.from(times(12)), 4, 3, 1);
    const corners = new Set(times(200).map((i) => pixels(transforms.randomCrop(2)(ramp, context(i)))[0]));
    expect([...corners].sort((a, b) => a - b)).toEqual([0, 1, 2, 4, 5, 6]);
    expect(() => transforms.randomCrop(4)(ramp)).toThrow(/takes 4 × 4 from a picture of 3 × 4/);
    expect(transforms.randomCrop(6, { padIfNeeded: true })(ramp)).toMatchObject({ width: 6, height: 6 });
  });

  it("crop shares of the area and ratios within the ranges", () => {
    // A picture whose levels are its columns shows which part was taken.
    const columns = new io.Image(
      Uint8Array.from({ length: 200 * 200 }, (_, i) => i % 200),
      200,
      200,
      1,
    );
    const crop = transforms.randomResizedCrop(200, { scale: [0.25, 0.25], ratio: [1, 1], interpolation: "nearest" });
    const starts = times(60).map((i) => {
      const { data } = crop(columns, context(i));
      expect(data[199] - data[0]).toBe(99);
      return data[0];
    });
    expect(Math.max(...starts)).toBeGreaterThan(70);
    expect(Math.min(...starts)).toBeLessThan(30);
    const wide = transforms.randomResizedCrop(10, { scale: [1, 1], ratio: [4, 4] });
    expect(wide(columns, context(0))).toMatchObject({ width: 10, height: 10 });
  });

  it("erase a rectangle of the area asked for", () => {
    const ones = F.toTensor(new io.Image(new Uint8Array(10_000).fill(255), 100, 100, 1));
    const erasing = transforms.randomErasing({ p: 1, scale: [0.2, 0.2], ratio: [1, 1] });
    const left = pixels(erasing(ones, context(3))).reduce((a, b) => a + b, 0);
    expect(Math.abs(left - 8000)).toBeLessThan(100);
  });

  it("refuse ranges that are none", () => {
    expect(() => transforms.randomResizedCrop(8, { scale: [1, 0.5] })).toThrow(/scale is \[1, 0.5\]/);
    expect(() => transforms.colorJitter({ hue: 0.7 })).toThrow(/hue/);
    expect(() => transforms.colorJitter({ brightness: [-1, 1] })).toThrow(/brightness is \[-1, 1\]/);
  });
});

describe("compose and the presets", () => {
  it("applies steps in order and shares the random numbers", () => {
    const steps = transforms.compose([transforms.resize(6), transforms.centerCrop([4, 5]), transforms.toTensor()]);
    const result: Tensor = steps(picture);
    expect([...result.shape]).toEqual([3, 4, 5]);
    const flips = transforms.compose([transforms.randomHorizontalFlip(), transforms.randomHorizontalFlip()]);
    const mirrored = pixels(F.hflip(picture)).join();
    const odd = times(400).filter((i) => pixels(flips(picture, context(i))).join() === mirrored).length;
    expect(odd).toBeGreaterThan(150);
    expect(odd).toBeLessThan(250);
  });

  it("give three normalised channels, of colour and of grey pictures", () => {
    const preset = transforms.imageClassification({ cropSize: 7, resizeSize: 9 });
    for (const channels of [1, 3]) {
      const result = preset(new io.Image(new Uint8Array(400 * channels).fill(255), 20, 20, channels));
      expect([...result.shape, result.dtype]).toEqual([3, 7, 7, "float32"]);
      const [red] = pixels(result);
      expect(red).toBeCloseTo((1 - 0.485) / 0.229, 5);
    }
    expect([...transforms.imageClassificationTrain({ cropSize: 7 })(picture).shape]).toEqual([3, 7, 7]);
    expect([...transforms.semanticSegmentation({ resizeSize: 9 })(picture).shape]).toEqual([3, 9, 12]);
    expect([...transforms.objectDetection()(picture).shape]).toEqual([3, 18, 24]);
  });
});
