/** Image files against what Pillow reads from them, and files that are damaged. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { KindlingError } from "@kindling/core";
import { io } from "@kindling/vision";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

interface Expected {
  readonly width: number;
  readonly height: number;
  readonly files: Record<string, { rgb: string; grey: string; channels: number }>;
  readonly orientations: Record<string, { width: number; height: number; rgb: string }>;
}

const fixtures = fileURLToPath(new URL("./fixtures/", import.meta.url));
const path = (name: string) => join(fixtures, "files", name);
const expected = JSON.parse(readFileSync(join(fixtures, "expected.json"), "utf8")) as Expected;
const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
const temporary = mkdtempSync(join(tmpdir(), "kindling-image-"));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

describe("decodeImage", () => {
  it.each(Object.keys(expected.files))("reads %s as Pillow does", async (name) => {
    const { rgb, grey, channels } = expected.files[name];
    const colour = await io.decodeImage(path(name));
    expect([colour.width, colour.height, colour.channels]).toEqual([expected.width, expected.height, 3]);
    expect(colour.data).toEqual(bytes(rgb));
    const single = await io.decodeImage(path(name), { mode: "gray" });
    expect(single.data).toEqual(bytes(grey));
    const unchanged = await io.decodeImage(path(name), { mode: "unchanged" });
    expect(unchanged.channels).toBe(channels);
  });

  it.each(Object.keys(expected.orientations))("turns %s upright", async (name) => {
    const { width, height, rgb } = expected.orientations[name];
    const image = await io.decodeImage(path(name));
    expect([image.width, image.height]).toEqual([width, height]);
    expect(image.data).toEqual(bytes(rgb));
  });

  it("takes paths, URLs, bytes and blobs", async () => {
    const file = path("rgb.png");
    const content = new Uint8Array(readFileSync(file));
    const want = (await io.decodeImage(file)).data;
    const sources = [pathToFileURL(file), content, content.slice().buffer, new Blob([content])];
    for (const source of sources) expect((await io.decodeImage(source)).data).toEqual(want);
  });

  it("keeps transparency where nothing is asked to change", async () => {
    const image = await io.decodeImage(path("rgba.png"), { mode: "unchanged" });
    expect(Array.from(image.data.subarray(4, 8))).toEqual([20, 0, 12, 235]);
  });
});

describe("readImage", () => {
  it("gives planes [C, H, W]", async () => {
    const tensor = await io.readImage(path("rgb.png"));
    expect([tensor.dtype, [...tensor.shape]]).toEqual(["uint8", [3, 8, 12]]);
    const { data } = await io.decodeImage(path("rgb.png"));
    const planes = Array.from({ length: data.length }, (_, i) => data[(i % 96) * 3 + Math.floor(i / 96)]);
    expect([...tensor.hostData()!]).toEqual(planes);
    expect([...(await io.readImage(path("grey.png"))).shape]).toEqual([1, 8, 12]);
  });
});

describe("encodePng", () => {
  it("loses nothing", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
        async (width, height, channels, levels) => {
          const data = Uint8Array.from(levels.take(width * height * channels));
          const file = await io.encodePng(new io.Image(data, width, height, channels));
          const image = await io.decodeImage(file, { mode: "unchanged" });
          expect([image.width, image.height, image.channels]).toEqual([width, height, channels]);
          expect(image.data).toEqual(data);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe("damaged files", () => {
  const write = (name: string, content: Uint8Array | string) => {
    const file = join(temporary, name);
    writeFileSync(file, content);
    return file;
  };
  const failure = (source: io.ImageSource) => io.decodeImage(source).catch((error: unknown) => error as Error);

  it("are refused by an ImageError that names the file", async () => {
    const cases: [string, RegExp][] = [
      [write("zero.png", ""), /zero\.png is empty \(0 bytes\)/],
      [write("text.jpg", "this is no picture"), /text\.jpg cannot be decoded/],
      [join(temporary, "missing.png"), /missing\.png cannot be read: ENOENT/],
      [temporary, /cannot be read: EISDIR/],
    ];
    for (const [file, message] of cases) {
      const error = await failure(file);
      expect(error).toBeInstanceOf(io.ImageError);
      expect(error).toBeInstanceOf(KindlingError);
      expect((error as Error).message).toMatch(message);
    }
    const nameless = await io.decodeImage(new Uint8Array(8), { name: "upload 3" }).catch((error: unknown) => error);
    expect((nameless as Error).message).toMatch(/^upload 3 cannot be decoded/);
  });

  it.each(["rgb.jpg", "progressive.jpg", "rgb.png", "grey16.png", "palette.png", "lossless.webp"])(
    "that are %s cut off anywhere are refused",
    async (name) => {
      const whole = new Uint8Array(readFileSync(path(name)));
      // The last two bytes of a JPEG file only say that it ends; every pixel is there without them.
      const shortest = name.endsWith(".jpg") ? whole.length - 3 : whole.length - 1;
      const step = Math.max(1, Math.floor(whole.length / 40));
      const accepted: number[] = [];
      for (let length = shortest; length > 0; length -= step) {
        if (!((await failure(whole.subarray(0, length))) instanceof io.ImageError)) accepted.push(length);
      }
      expect(accepted).toEqual([]);
    },
  );

  it("that have damaged pixel data are refused where the format can tell", async () => {
    const damaged = new Uint8Array(readFileSync(path("rgb.png")));
    damaged[60] ^= 0xff;
    expect(await failure(damaged)).toBeInstanceOf(io.ImageError);
  });
});

describe("Image", () => {
  it("needs as many bytes as it has pixels", () => {
    expect(() => new io.Image(new Uint8Array(5), 2, 1, 3)).toThrow(/2 × 1 pixels with 3 channels needs 6 bytes/);
    expect(String(new io.Image(new Uint8Array(6), 2, 1, 3))).toBe("Image(2 × 1, 3 channels)");
  });
});
