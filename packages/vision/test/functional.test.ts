/** The deterministic transforms: against torchvision's results, by algebra, and on what they must refuse. */

import { fileURLToPath } from "node:url";
import { ArgumentError, DTypeError, fromHost, ShapeError } from "@kindling/core";
import { io, transforms } from "@kindling/vision";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runTransforms } from "../../goldens/dist/transforms.js";
import { floats, image, images, pictures, pixels } from "./pictures.js";

const { functional: F } = transforms;

describe("torchvision's results", () => {
  it("are reached by every case of the fixtures", async () => {
    const failures: string[] = [];
    let passed = 0;
    await runTransforms(fileURLToPath(new URL("../../goldens/fixtures", import.meta.url)), (name, error) => {
      if (error === undefined) passed++;
      else failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    });
    expect(failures).toEqual([]);
    expect(passed).toBe(214);
  });
});

describe("moving pixels", () => {
  it("flips are their own inverse, and commute", () => {
    fc.assert(
      fc.property(pictures, (picture) => {
        expect(pixels(F.hflip(F.hflip(picture)))).toEqual(pixels(picture));
        expect(pixels(F.vflip(F.vflip(picture)))).toEqual(pixels(picture));
        expect(pixels(F.hflip(F.vflip(picture)))).toEqual(pixels(F.vflip(F.hflip(picture))));
        expect(pixels(F.rotate(picture, 180))).toEqual(pixels(F.hflip(F.vflip(picture))));
      }),
    );
  });

  it("a crop takes away what padding added, in every mode", () => {
    const modes = fc.constantFrom<transforms.PaddingMode[]>("constant", "edge", "reflect", "symmetric");
    const padding = fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9), fc.nat(9));
    fc.assert(
      fc.property(pictures, padding, modes, (picture, [left, top, right, bottom], paddingMode) => {
        const { width, height } = F.dimensions(picture);
        const padded = F.pad(picture, [left, top, right, bottom], { paddingMode, fill: 9 });
        expect(F.dimensions(padded)).toMatchObject({ width: width + left + right, height: height + top + bottom });
        expect(pixels(F.crop(padded, top, left, height, width))).toEqual(pixels(picture));
        expect(pixels(F.pad(padded, [-left, -top, -right, -bottom]))).toEqual(pixels(picture));
      }),
    );
  });

  it("pads as the modes say", () => {
    const row = new io.Image(Uint8Array.of(1, 2, 3), 3, 1, 1);
    const padded = (paddingMode: transforms.PaddingMode) => pixels(F.pad(row, [4, 0], { paddingMode, fill: 7 }));
    expect(padded("constant")).toEqual([7, 7, 7, 7, 1, 2, 3, 7, 7, 7, 7]);
    expect(padded("edge")).toEqual([1, 1, 1, 1, 1, 2, 3, 3, 3, 3, 3]);
    expect(padded("reflect")).toEqual([1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3]);
    expect(padded("symmetric")).toEqual([3, 3, 2, 1, 1, 2, 3, 3, 2, 1, 1]);
  });

  it("a crop beyond the border is black there", () => {
    const square = new io.Image(Uint8Array.of(1, 2, 3, 4), 2, 2, 1);
    expect(pixels(F.crop(square, -1, 1, 3, 2))).toEqual([0, 0, 2, 0, 4, 0]);
    expect(pixels(F.crop(square, 5, 5, 1, 2))).toEqual([0, 0]);
    expect(pixels(F.centerCrop(square, 3))).toEqual([1, 2, 0, 3, 4, 0, 0, 0, 0]);
  });

  it("erases a rectangle and leaves the original alone", () => {
    const picture = image(5, 4, 3);
    const before = pixels(picture);
    const erased = F.erase(picture, 1, 2, 2, 2, [1, 2, 3]);
    expect(pixels(picture)).toEqual(before);
    expect(pixels(F.crop(erased, 1, 2, 2, 2))).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
    expect(pixels(F.crop(erased, 0, 0, 4, 2))).toEqual(pixels(F.crop(picture, 0, 0, 4, 2)));
  });
});

describe("resize", () => {
  const interpolations = fc.constantFrom<transforms.Interpolation[]>("nearest", "nearest-exact", "bilinear", "bicubic");

  it("keeps an even picture even, at any size", () => {
    const filters = fc.constantFrom<transforms.Interpolation[]>(
      "nearest",
      "bilinear",
      "bicubic",
      "box",
      "hamming",
      "lanczos",
    );
    const size = fc.integer({ min: 1, max: 30 });
    fc.assert(
      fc.property(size, size, size, size, filters, fc.nat(255), (w, h, width, height, interpolation, level) => {
        const even = new io.Image(new Uint8Array(w * h).fill(level), w, h, 1);
        const resized = F.resize(even, [height, width], { interpolation });
        expect([resized.width, resized.height]).toEqual([width, height]);
        expect(new Set(resized.data)).toEqual(new Set([level]));
      }),
    );
  });

  it("to its own size changes nothing", () => {
    fc.assert(
      fc.property(pictures, interpolations, (picture, interpolation) => {
        const { width, height } = F.dimensions(picture);
        expect(pixels(F.resize(picture, [height, width], { interpolation }))).toEqual(pixels(picture));
      }),
    );
  });

  it("treats each of a batch of tensors as one picture", () => {
    const first = image(7, 5, 3, 1).toTensor();
    const second = image(7, 5, 3, 2).toTensor();
    const both = fromHost(Uint8Array.from([...pixels(first), ...pixels(second)]), [2, 3, 5, 7], "uint8");
    const resized = F.resize(both, [4, 9]);
    expect([...resized.shape]).toEqual([2, 3, 4, 9]);
    expect(pixels(resized)).toEqual([...pixels(F.resize(first, [4, 9])), ...pixels(F.resize(second, [4, 9]))]);
  });

  it("scales the shorter side, within maxSize", () => {
    const size = (options: { maxSize?: number }) => {
      const { width, height } = F.resize(image(40, 30, 1), 15, options);
      return [width, height];
    };
    expect(size({})).toEqual([20, 15]);
    expect(size({ maxSize: 18 })).toEqual([18, 13]);
    expect(() => size({ maxSize: 15 })).toThrow(/more than the size of the shorter side, 15/);
    expect(() => F.resize(image(4, 4, 1), [2, 2], { maxSize: 9 })).toThrow(/not with \[height, width\]/);
    expect(() => F.resize(image(4, 4, 1), 0)).toThrow(ArgumentError);
  });

  it("names the interpolations it knows", () => {
    const interpolation = "cubic" as transforms.Interpolation;
    expect(() => F.resize(image(4, 4, 1), 2, { interpolation })).toThrow(/nearest, nearest-exact, box, bilinear/);
    const lanczos = { interpolation: "lanczos", antialias: false } as const;
    expect(() => F.resize(image(4, 4, 1).toTensor(), 2, lanczos)).toThrow(/needs antialias: true/);
  });
});

describe("colours", () => {
  it("factor 1 changes nothing, factor 0 gives the plain picture", () => {
    fc.assert(
      fc.property(images, (picture) => {
        for (const adjust of [F.adjustBrightness, F.adjustContrast, F.adjustSaturation, F.adjustSharpness]) {
          expect(pixels(adjust(picture, 1))).toEqual(pixels(picture));
        }
        expect(new Set(pixels(F.adjustBrightness(picture, 0)))).toEqual(new Set([0]));
        expect(new Set(pixels(F.adjustContrast(picture, 0))).size).toBe(1);
        expect(pixels(F.adjustSaturation(picture, 0))).toEqual(
          pixels(picture.channels === 1 ? picture : F.rgbToGrayscale(picture, 3)),
        );
      }),
    );
  });

  it("a turn of the hue by a third moves red to green", () => {
    const red = floats([3, 1, 1], [1, 0, 0]);
    const green = pixels(F.adjustHue(red, 1 / 3));
    [0, 1, 0].forEach((level, channel) => {
      expect(green[channel]).toBeCloseTo(level, 5);
    });
  });

  it("inverting twice, and posterising to 8 bits, change nothing", () => {
    fc.assert(
      fc.property(pictures, (picture) => {
        expect(pixels(F.invert(F.invert(picture)))).toEqual(pixels(picture));
        expect(pixels(F.posterize(picture, 8))).toEqual(pixels(picture));
        expect(pixels(F.solarize(picture, 0))).toEqual(pixels(F.invert(picture)));
      }),
    );
  });

  it("refuse factors and channels out of range", () => {
    const picture = image(3, 3, 3);
    expect(() => F.adjustBrightness(picture, -1)).toThrow(/brightness factor is -1/);
    expect(() => F.adjustHue(picture, 0.6)).toThrow(/hue factor is 0.6/);
    expect(() => F.adjustContrast(image(3, 3, 4), 1)).toThrow(/1 or 3 channels, got 4/);
    expect(() => F.posterize(picture, 9)).toThrow(/bits is 9/);
    expect(() => F.solarize(picture, 256)).toThrow(/at most 255/);
    expect(() => F.equalize(F.toTensor(picture))).toThrow(DTypeError);
    expect(() => F.gaussianBlur(picture, 4)).toThrow(/odd whole numbers/);
    expect(() => F.gaussianBlur(picture, 7)).toThrow(/too large for a picture of 3 × 3/);
  });
});

describe("conversions", () => {
  it("bytes to floats and back are the same bytes", () => {
    fc.assert(
      fc.property(images, (picture) => {
        const bytes = picture.toTensor();
        expect(pixels(F.convertImageDtype(F.toTensor(picture), "uint8"))).toEqual(pixels(bytes));
      }),
    );
  });

  it("floats outside 0 … 1 are clipped, not wrapped", () => {
    expect(pixels(F.convertImageDtype(floats([1, 1, 3], [-0.5, 1.5, 1]), "uint8"))).toEqual([0, 255, 255]);
  });

  it("normalize subtracts and divides by channel", () => {
    const tensor = floats([2, 1, 2], [1, 2, 3, 4]);
    expect(pixels(F.normalize(tensor, [1, 2], [0.5, 2]))).toEqual([0, 2, 0.5, 1]);
    expect(() => F.normalize(tensor, [1, 2, 3], [1])).toThrow(/mean has 3 values for 2 channels/);
    expect(() => F.normalize(tensor, [1], [0])).toThrow(/std\[0\] is 0/);
    expect(() => F.normalize(image(2, 2, 3).toTensor(), [0], [1])).toThrow(
      /a uint8 tensor; put toTensor\(\) before it/,
    );
  });

  it("refuses shapes and dtypes that are no pictures", () => {
    expect(() => F.hflip(floats([2, 2], [1, 2, 3, 4]))).toThrow(ShapeError);
    expect(() => F.hflip(fromHost(new Int32Array(4), [1, 2, 2], "int32"))).toThrow(
      /uint8 or float32 pictures, got int32/,
    );
  });
});

describe("warps", () => {
  it("by nothing change nothing", () => {
    const corners: transforms.Point[] = [
      [0, 0],
      [9, 0],
      [9, 9],
      [0, 9],
    ];
    fc.assert(
      fc.property(
        pictures,
        fc.constantFrom<("nearest" | "bilinear")[]>("nearest", "bilinear"),
        (picture, interpolation) => {
          expect(pixels(F.rotate(picture, 0, { interpolation }))).toEqual(pixels(picture));
          expect(pixels(F.affine(picture, 0, [0, 0], 1, [0, 0], { interpolation }))).toEqual(pixels(picture));
          expect(pixels(F.perspective(picture, corners, corners, { interpolation: "nearest" }))).toEqual(
            pixels(picture),
          );
        },
      ),
    );
  });

  it("four quarter turns are a full one", () => {
    fc.assert(
      fc.property(images, (picture) => {
        const turn = (given: io.Image) => F.rotate(given, 90, { expand: true });
        const turned = turn(picture);
        expect([turned.width, turned.height]).toEqual([picture.height, picture.width]);
        expect(pixels(turn(turn(turn(turned))))).toEqual(pixels(picture));
      }),
    );
  });

  it("refuse points on a line", () => {
    const line: transforms.Point[] = [
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 3],
    ];
    expect(() => F.perspective(image(4, 4, 1), line, line)).toThrow(/three lie on a line/);
  });
});
