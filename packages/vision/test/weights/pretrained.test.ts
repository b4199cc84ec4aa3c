/** Models with published weights, from a server on this machine that has them under PyTorch's names. */

import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBytes } from "@kindling/checkpoint";
import { init } from "@kindling/core";
import type { Module } from "@kindling/nn";
import { models } from "@kindling/vision";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";

const { ShuffleNet_V2_X0_5_Weights } = models;
const FILE = ShuffleNet_V2_X0_5_Weights.DEFAULT.file;

let source: models.ShuffleNetV2;
let file: Uint8Array;
let server: Server;
let requests: string[];
let modelDir: string;

beforeAll(async () => {
  await init();
  source = models.shufflenet_v2_x0_5();
  file = await toBytes(source.stateDict());
  server = createServer((request, response) => {
    requests.push(request.url!);
    const found = request.url!.endsWith(".pth");
    response.writeHead(found ? 200 : 404, { "content-length": found ? file.length : 0 }).end(found ? file : undefined);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
});

beforeEach(async () => {
  requests = [];
  modelDir = await mkdtemp(join(tmpdir(), "kindling-weights-"));
  vi.stubEnv("KINDLING_WEIGHTS_URL", `${origin()}/mirror`);
  return async () => {
    vi.unstubAllEnvs();
    await rm(modelDir, { recursive: true });
  };
});

afterAll(() => void server.close());

const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** The bytes of all values: equal only for equal states. */
const stateOf = async (model: Module): Promise<string> =>
  createHash("sha256")
    .update(await toBytes(model.stateDict()))
    .digest("hex");

it.each<[string, models.WeightsChoice]>([
  ["DEFAULT", "DEFAULT"],
  ["a name", "IMAGENET1K_V1"],
  ["a full name", "ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1"],
  ["an entry", ShuffleNet_V2_X0_5_Weights.DEFAULT],
])("a builder gives the model with the weights of its file, asked for by %s", async (_, weights) => {
  const model = await models.shufflenet_v2_x0_5({ weights, modelDir, checkHash: false, progress: false });
  expect(model).toBeInstanceOf(models.ShuffleNetV2);
  expect(await stateOf(model)).toBe(await stateOf(source));
  expect(model.training).toBe(true);
  expect(requests).toEqual([`/mirror/${FILE}`]);
  expect(await readdir(modelDir)).toContain(FILE);
});

it("what was downloaded once is there the next time, also for pretrained: true and a model by name", async () => {
  const download = { modelDir, checkHash: false, progress: false };
  await models.shufflenet_v2_x0_5({ pretrained: true, ...download });
  const again = await models.getModel("shufflenet_v2_x0_5", { weights: "DEFAULT", ...download });
  expect(await stateOf(again)).toBe(await stateOf(source));
  expect(requests).toHaveLength(1);
});

it("a file that is not the published one is refused, and the next attempt starts anew", async () => {
  const asked = { weights: "DEFAULT", modelDir, progress: false };
  await expect(models.shufflenet_v2_x0_5(asked)).rejects.toMatchObject({ name: "DownloadError", kind: "hash" });
  expect(await readdir(modelDir)).not.toContain(FILE);
});

it("an entry of one's own is got from where it says, and its hash is checked", async () => {
  const hashPrefix = createHash("sha256").update(file).digest("hex").slice(0, 8);
  const name = `own-${hashPrefix}.pth`;
  const weights = { ...ShuffleNet_V2_X0_5_Weights.DEFAULT, file: name, url: `${origin()}/own/${name}`, hashPrefix };
  const model = await models.shufflenet_v2_x0_5({ weights, modelDir, progress: false });
  expect(await stateOf(model)).toBe(await stateOf(source));
  expect(requests).toEqual([`/own/${name}`]);
});

it("a file whose damage shows only when it is read is downloaded again", async () => {
  const hashPrefix = createHash("sha256").update(file).digest("hex").slice(0, 8);
  const weights = { ...ShuffleNet_V2_X0_5_Weights.DEFAULT, file: "own.pth", url: `${origin()}/own.pth`, hashPrefix };
  const damaged = Uint8Array.from(file);
  damaged[damaged.length >> 1] ^= 0xff;
  await writeFile(join(modelDir, "own.pth"), damaged);
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const model = await models.shufflenet_v2_x0_5({ weights, modelDir, progress: false });
  expect(await stateOf(model)).toBe(await stateOf(source));
  expect(requests).toEqual(["/own.pth"]);
  expect(await readdir(modelDir)).toEqual(["own.pth", "own.pth.damaged"]);
  expect(warn).toHaveBeenCalledOnce();
  warn.mockRestore();
});

it("a file of another model is refused with its path and the keys that differ", async () => {
  const asked = { weights: "DEFAULT", modelDir, checkHash: false, progress: false };
  const error = await models.mobilenet_v3_small(asked).catch((error) => error);
  expect(error).toMatchObject({ name: "StateDictError", cause: { name: "StateDictError" } });
  expect(error.missingKeys).toContain("classifier.3.bias");
  expect(error.message).toContain(`${join(modelDir, models.MobileNet_V3_Small_Weights.DEFAULT.file)}: the state dict`);
});

it("weights change what a model is built with, as in torchvision", async () => {
  const download = { modelDir, checkHash: false, progress: false };
  await expect(models.shufflenet_v2_x0_5({ weights: "DEFAULT", numClasses: 7, ...download })).rejects.toThrow(
    "The parameter 'numClasses' expected value 1000 but got 7 instead.",
  );
  await expect(models.vit_b_16({ weights: "IMAGENET1K_SWAG_E2E_V1", imageSize: 224, ...download })).rejects.toThrow(
    "The parameter 'imageSize' expected value 384 but got 224 instead.",
  );
  expect(requests).toEqual([]);
});
