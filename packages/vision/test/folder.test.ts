/** ImageFolder and the division into training and validation. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DataError, DataLoader } from "@kindling/data";
import { datasets, io, transforms } from "@kindling/vision";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { image } from "./pictures.js";

const temporary = mkdtempSync(join(tmpdir(), "kindling-folder-"));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));
const png = await io.encodePng(image(4, 3, 3));
let folders = 0;

/** A folder with the given files; what a name maps to is its content, a picture by default. */
function folder(files: Record<string, Uint8Array | string> | string[]): string {
  const root = join(temporary, `root${folders++}`);
  mkdirSync(root);
  const entries = Array.isArray(files) ? files.map((name) => [name, png] as const) : Object.entries(files);
  for (const [name, content] of entries) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    if (!name.endsWith("/")) writeFileSync(join(root, name), content);
    else mkdirSync(join(root, name), { recursive: true });
  }
  return root;
}

const names = (dataset: datasets.ImageFolder<unknown>) =>
  dataset.samples.map(({ path }) => path.slice(dataset.root.length + 1));

describe("ImageFolder", () => {
  it("sorts classes and pictures by name, goes deeper, and leaves hidden files and other kinds out", () => {
    const root = folder([
      "dog/b.png",
      "cat/z.JPG",
      "cat/a.jpeg",
      "cat/deep/a.png",
      "dog/.hidden.png",
      ".git/x.png",
      "readme.txt",
      "dog/notes.txt",
    ]);
    const dataset = new datasets.ImageFolder(root);
    expect(dataset.classes).toEqual(["cat", "dog"]);
    expect(dataset.classToIdx.get("dog")).toBe(1);
    expect(names(dataset)).toEqual(["cat/a.jpeg", "cat/z.JPG", "cat/deep/a.png", "dog/b.png"]);
    expect(dataset.targets).toEqual([0, 0, 0, 1]);
    expect(String(dataset)).toMatch(/4 pictures, 2 classes/);
  });

  it("gives pictures and labels, through the transforms", async () => {
    const root = folder(["a/1.png", "b/1.png"]);
    const [picture, label] = await new datasets.ImageFolder(root).get(1);
    expect(picture).toBeInstanceOf(io.Image);
    expect([picture.width, picture.height, label]).toEqual([4, 3, 1]);
    await expect(new datasets.ImageFolder(root).get(2)).rejects.toThrow(/index 2 is outside the folder's 2 pictures/);
    expect(() => new datasets.ImageFolder(root).select([-1])).toThrow(DataError);
    const transform = transforms.compose([transforms.resize([2, 5]), transforms.toTensor()]);
    const dataset = new datasets.ImageFolder(root, { transform, targetTransform: (index) => index + 10 });
    const [tensor, target] = await dataset.get(0);
    expect([[...tensor.shape], target]).toEqual([[3, 2, 5], 10]);
  });

  it("feeds a loader the same augmented batches for any number of workers", async () => {
    const root = folder(["a/1.png", "a/2.png", "a/3.png", "b/1.png", "b/2.png"]);
    const transform = transforms.imageClassificationTrain({ cropSize: 6 });
    const dataset = new datasets.ImageFolder(root, { transform });
    const batches = async (numWorkers: number) => {
      const result: number[][] = [];
      for await (const [pictures, labels] of new DataLoader(dataset, {
        batchSize: 2,
        shuffle: true,
        seed: 4,
        numWorkers,
      })) {
        expect([...pictures.shape].slice(1)).toEqual([3, 6, 6]);
        result.push([...Array.from(pictures.hostData()!, Number), ...Array.from(labels.hostData()!, Number)]);
      }
      return result;
    };
    const want = await batches(0);
    expect(want.length).toBe(3);
    expect(await batches(4)).toEqual(want);
  });

  it("decodes once with a cache, up to its size", async () => {
    const root = folder(["a/1.png", "a/2.png", "b/1.png"]);
    const counting = (cache: boolean | number) => {
      let loads = 0;
      const loader = async ({ path }: datasets.FolderSample) => {
        loads++;
        return io.decodeImage(path);
      };
      return { dataset: new datasets.ImageFolder(root, { loader, cache }), loads: () => loads };
    };
    const readTwice = async (dataset: datasets.ImageFolder) => {
      for (const index of [0, 1, 2, 0, 1, 2]) await dataset.get(index);
    };
    for (const [cache, want] of [
      [true, 3],
      [false, 6],
      [36, 5],
      [72, 4],
    ] as const) {
      const { dataset, loads } = counting(cache);
      await readTwice(dataset);
      expect(loads()).toBe(want);
    }
    const shared = counting(true);
    await readTwice(shared.dataset);
    await shared.dataset.select([2]).get(0);
    await shared.dataset.withTransform(transforms.toTensor()).get(1);
    expect(shared.loads()).toBe(3);
  });

  it("says what is wrong with a folder", () => {
    const open = (root: string, options = {}) => new datasets.ImageFolder(root, options);
    expect(() => open(join(temporary, "nowhere"))).toThrow(/nowhere cannot be read: ENOENT/);
    expect(() => open(folder([]))).toThrow(/is empty; expected one folder a class/);
    expect(() => open(folder(["1.png", "2.png"]))).toThrow(/has no folders, only 2 files/);
    const half = folder(["a/1.png", "b/", "c/readme.txt"]);
    expect(() => open(half)).toThrow(/no pictures in the class folders b, c of .*\.jpg, \.jpeg, \.png/);
    expect(open(half, { allowEmpty: true }).classes).toEqual(["a", "b", "c"]);
    expect(() => open(folder(["a/"]), { allowEmpty: true })).toThrow(DataError);
  });

  it("finds pictures that cannot be read, and goes on without them", async () => {
    const root = folder({ "a/1.png": png, "a/2.png": "", "b/1.png": png, "b/2.png": png.subarray(0, 40) });
    const dataset = new datasets.ImageFolder(root);
    await expect(dataset.get(1)).rejects.toThrow(/a\/2\.png is empty/);
    const failed = new DataLoader(dataset, { batchSize: 4, numWorkers: 2 })[Symbol.asyncIterator]().next();
    await expect(failed).rejects.toThrow(/item 1 of the data set cannot be loaded: .*a\/2\.png is empty/);
    const bad = await dataset.findBad();
    expect(bad.map(({ index, error }) => [index, error instanceof io.ImageError])).toEqual([
      [1, true],
      [3, true],
    ]);
    expect(names(dataset.without(bad))).toEqual(["a/1.png", "b/1.png"]);
  });

  it("takes the files that a browser's user chose", async () => {
    const chosen = ["pets/dog/1.png", "pets/cat/2.png", "pets/cat/.x.png", "pets/notes.txt"].map((path) => {
      const file = new File([new Uint8Array(png)], path.split("/").at(-1)!);
      return Object.defineProperty(file, "webkitRelativePath", { value: path });
    });
    const dataset = new datasets.ImageFolder(chosen);
    expect([dataset.root, dataset.classes, dataset.targets]).toEqual(["pets", ["cat", "dog"], [0, 1]]);
    expect((await dataset.get(0))[0].data).toEqual(image(4, 3, 3).data);
    expect(() => new datasets.ImageFolder([])).toThrow(/choose a folder/);
  });
});

describe("splitByClass", () => {
  it("divides every class by the fraction, without loss or overlap, the same for the same seed", () => {
    const targets = fc.array(fc.nat(4), { maxLength: 80 });
    fc.assert(
      fc.property(targets, fc.double({ min: 0.05, max: 0.95, noNaN: true }), fc.nat(), (labels, fraction, seed) => {
        const { train, val } = datasets.splitByClass(labels, { fraction, seed });
        expect([...train, ...val].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
        expect(datasets.splitByClass(labels, { fraction, seed })).toEqual({ train, val });
        for (const label of new Set(labels)) {
          const count = labels.filter((other) => other === label).length;
          const kept = train.filter((index) => labels[index] === label).length;
          expect(Math.abs(kept - count * fraction)).toBeLessThanOrEqual(1);
          if (count > 1) expect(kept).toBeLessThan(count);
          expect(kept).toBeGreaterThan(0);
        }
      }),
    );
    const labels = new Array(100).fill(0);
    expect(datasets.splitByClass(labels).train.length).toBe(80);
    expect(datasets.splitByClass(labels, { seed: 1 })).not.toEqual(datasets.splitByClass(labels, { seed: 2 }));
    expect(() => datasets.splitByClass(labels, { fraction: 1 })).toThrow(/between 0 and 1/);
  });
});

describe("openTrainVal", () => {
  const many = (...classes: string[]) =>
    classes.flatMap((name) => Array.from({ length: 5 }, (_, i) => `${name}/${i}.png`));

  it("splits class folders, and gives each part its transform", async () => {
    const parts = await datasets.openTrainVal(folder(many("a", "b")), {
      trainTransform: (picture) => `train ${picture.width}`,
      valTransform: (picture) => `val ${picture.width}`,
      seed: 3,
    });
    expect([parts.train.length, parts.val.length, parts.classes]).toEqual([8, 2, ["a", "b"]]);
    expect([(await parts.train.get(0))[0], (await parts.val.get(1))[0]]).toEqual(["train 4", "val 4"]);
    const all = [...parts.train.samples, ...parts.val.samples].map(({ path }) => path);
    expect(new Set(all).size).toBe(10);
  });

  it("takes train and val as they are", async () => {
    const root = folder([...many("train/a", "train/b"), "val/a/x.png", "val/b/x.png"]);
    const { train, val } = await datasets.openTrainVal(root);
    expect([train.length, names(val)]).toEqual([10, ["a/x.png", "b/x.png"]]);
  });

  it("leaves bad pictures out if asked, and says which", async () => {
    const root = folder({ "a/1.png": png, "a/2.png": png, "b/1.png": png, "b/2.png": png, "b/3.png": "damaged" });
    const kept = await datasets.openTrainVal(root, { skipBad: true });
    expect(kept.bad.map(({ path }) => path)).toEqual([`${root}/b/3.png`]);
    expect(kept.train.length + kept.val.length).toBe(4);
    const all = await datasets.openTrainVal(root);
    expect([all.train.length + all.val.length, all.bad]).toEqual([5, []]);
  });

  it("refuses one class, classes that differ, and a class without a readable picture", async () => {
    const message = async (files: Record<string, Uint8Array | string> | string[], skipBad = false) =>
      datasets.openTrainVal(folder(files), { skipBad }).then(String, (error: Error) => error.message);
    expect(await message(many("a"))).toMatch(/has one class \(a\); a classifier needs pictures of two/);
    expect(await message([...many("train/a", "train/b"), "val/a/1.png", "val/c/1.png"])).toMatch(
      /only train has b; only val has c/,
    );
    expect(await message({ "a/1.png": png, "b/1.png": "damaged" }, true)).toMatch(/no readable picture of the class b/);
  });
});

describe("the way to browsers", () => {
  it("reaches no Node module and no native decoder", () => {
    const root = new URL("../dist/", import.meta.url);
    const { imports } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    const seen = new Set<string>();
    const outside = new Set<string>();
    const visit = (url: URL) => {
      if (seen.has(url.href)) return;
      seen.add(url.href);
      for (const [, specifier] of readFileSync(url, "utf8").matchAll(/(?:from|import) "([^"]+)"/g)) {
        if (specifier.startsWith("#")) visit(new URL(`../${imports[specifier].browser.default}`, import.meta.url));
        else if (specifier.startsWith(".")) visit(new URL(specifier, url));
        else outside.add(specifier);
      }
    };
    for (const part of ["datasets", "io", "transforms"]) visit(new URL(`${part}/index.js`, root));
    expect([...seen].some((url) => url.endsWith("platform.browser.js"))).toBe(true);
    expect([...outside].sort()).toEqual(["@kindling/core", "@kindling/data"]);
  });
});
