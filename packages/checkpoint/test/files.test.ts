/** Files, blobs, streams and addresses: what is read when, and what is left when writing fails. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ByteSource,
  bytesSource,
  findStateDict,
  inspect,
  load,
  OrderedDict,
  openCheckpoint,
  type PythonValue,
  renameKeys,
  save,
  saveSafetensors,
  stripPrefix,
  toBytes,
} from "@kindling/checkpoint";
import { fromHost, type Tensor } from "@kindling/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { platform } from "../dist/platform/node.js";
import { describeValue } from "./described.js";

const folder = mkdtempSync(join(tmpdir(), "kindling-files-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const weights = (): Map<string, Tensor> =>
  new Map([
    ["fc.weight", fromHost(new Float32Array(250_000).fill(0.5), [500, 500])],
    ["fc.bias", fromHost(new Float32Array(500), [500])],
  ]);

/** A source that counts the bytes that are read. */
function counting(bytes: Uint8Array): ByteSource & { bytesRead: number } {
  const inner = bytesSource(bytes);
  return {
    ...inner,
    bytesRead: 0,
    read(offset, length) {
      this.bytesRead += length;
      return inner.read(offset, length);
    },
  };
}

describe("writing", () => {
  it("replaces a file whole, and leaves nothing beside it", async () => {
    const path = join(folder, "model.pth");
    await save({ epoch: 1 }, path);
    await save({ epoch: 2 }, path);
    expect(await load(path)).toEqual(new Map([["epoch", 2]]));
    expect(readdirSync(folder)).toEqual(["model.pth"]);
    expect(new Uint8Array(readFileSync(path))).toEqual(await toBytes({ epoch: 2 }));
  });

  it("keeps the old file when it fails in the middle, and when the value cannot be saved", async () => {
    const path = join(folder, "model.pth");
    await save({ epoch: 1 }, path);
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(100);
      throw new Error("the device is lost");
    };
    await expect(platform.writeAtomically(path, failing())).rejects.toThrow("the device is lost");
    await expect(save({ f: () => 1 }, path)).rejects.toMatchObject({ kind: "unsupported" });
    expect(await load(path)).toEqual(new Map([["epoch", 1]]));
    expect(readdirSync(folder)).toEqual(["model.pth"]);
  });

  it("follows a symbolic link instead of replacing it", async () => {
    const target = join(folder, "target.pth");
    await save({ epoch: 1 }, target);
    symlinkSync(target, join(folder, "latest.pth"));
    await save({ epoch: 2 }, join(folder, "latest.pth"));
    expect(await load(target)).toEqual(new Map([["epoch", 2]]));
    rmSync(join(folder, "latest.pth"));
    rmSync(target);
  });

  it("says that a path cannot be written", async () => {
    await expect(save({}, join(folder, "missing", "model.pth"))).rejects.toMatchObject({ kind: "io" });
    mkdirSync(join(folder, "taken"));
    await expect(save({}, join(folder, "taken"))).rejects.toMatchObject({ kind: "io" });
    rmSync(join(folder, "taken"), { recursive: true });
    expect(readdirSync(folder)).toEqual(["model.pth"]);
  });

  it("holds the tensors as they were when save was called", async () => {
    const weight = fromHost(Float32Array.of(1), [1]);
    const saving = toBytes({ weight });
    weight.setHostData(Float32Array.of(2));
    const saved = (await load(await saving)) as Map<string, Tensor>;
    expect(saved.get("weight")?.hostData()).toEqual(Float32Array.of(1));
  });
});

describe("reading", () => {
  it("says that a path cannot be read", async () => {
    await expect(load(join(folder, "nowhere.pth"))).rejects.toMatchObject({ kind: "io" });
    await expect(load(folder)).rejects.toMatchObject({ kind: "io" });
  });

  it("names what a file is instead", async () => {
    const cases: Readonly<Record<string, string>> = {
      "<!DOCTYPE html><html>": "web page",
      "version https://git-lfs.github.com/spec/v1": "Git LFS",
      "\x89HDF\r\n\x1a\n": "HDF5",
      "": "empty",
    };
    for (const [text, words] of Object.entries(cases))
      await expect(load(Buffer.from(text, "latin1"))).rejects.toThrow(words);
  });

  it("takes bytes, buffers, blobs and streams", async () => {
    const bytes = await toBytes({ epoch: 3 });
    const expected = new Map([["epoch", 3]]);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(await load(bytes)).toEqual(expected);
    expect(await load(shifted.subarray(1))).toEqual(expected);
    expect(await load(bytes.buffer)).toEqual(expected);
    expect(await load(new Blob([bytes]))).toEqual(expected);
    expect(await load(new Blob([bytes]).stream())).toEqual(expected);
  });

  it("leaves the bytes it was given alone", async () => {
    const bytes = await toBytes(weights());
    const before = bytes.slice();
    const loaded = (await load(bytes)) as Map<string, Tensor>;
    (loaded.get("fc.bias") as Tensor).hostData()?.set([9] as never);
    expect(Buffer.compare(bytes, before)).toBe(0);
  });

  it("inspects without reading tensors", async () => {
    const source = counting(
      await toBytes({
        state_dict: weights(),
        optimizer: { state: new Map([[0, { step: fromHost(Float32Array.of(1), []) }]]) },
      }),
    );
    const info = await inspect(source);
    expect(info.tensors.map(({ name, shape, dtype, bytes }) => [name, shape, dtype, bytes])).toEqual([
      ["state_dict.fc.weight", [500, 500], "float32", 1_000_000],
      ["state_dict.fc.bias", [500], "float32", 2000],
      ["optimizer.state.0.step", [], "float32", 4],
    ]);
    expect(info).toMatchObject({ format: "zip", fileBytes: source.size, storageBytes: 1_002_004, values: [] });
    expect(source.bytesRead).toBeLessThan(70_000);
  });
});

describe("an open checkpoint", () => {
  it("reads the tensors that are asked for, and no others", async () => {
    const source = counting(await toBytes({ state_dict: weights() }));
    const checkpoint = await openCheckpoint(source);
    const before = source.bytesRead;
    const bias = await checkpoint.read("state_dict.fc.bias");
    expect(describeValue(bias)).toEqual(describeValue(weights().get("fc.bias") as Tensor));
    expect(source.bytesRead - before).toBeLessThan(2200);
    await expect(checkpoint.read("fc.bias")).rejects.toMatchObject({ kind: "missing-member" });
  });

  it("reads safetensors too, and closes its file", async () => {
    const path = join(folder, "model.safetensors");
    await saveSafetensors(weights(), path);
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(["fc.bias", "fc.weight"]);
    expect((await checkpoint.read("fc.weight")).shape).toEqual([500, 500]);
    await checkpoint.close();
    await expect(checkpoint.read("fc.weight")).rejects.toThrow();
    rmSync(path);
  });
});

describe("a web address", () => {
  let server: Server;
  let sent = 0;
  let content: Uint8Array;
  const url = (path: string) => new URL(path, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  beforeAll(async () => {
    content = await toBytes(weights());
    server = createServer((request, response) => {
      const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "");
      if (request.url === "/missing.pth") response.writeHead(404).end();
      else if (request.url === "/whole.pth" || !range) response.writeHead(200).end(content);
      else {
        const part = content.subarray(Number(range[1]), Number(range[2]) + 1);
        sent += part.length;
        response.writeHead(206, { "Content-Range": `bytes ${range[1]}-${range[2]}/${content.length}` }).end(part);
      }
    });
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  });
  afterAll(() => {
    server.close();
  });

  it("is read by range", async () => {
    expect((await inspect(url("/model.pth"))).tensors.length).toBe(2);
    expect(sent).toBe(2 * 2 ** 18);
    expect(describeValue(await load(url("/model.pth")))).toEqual(describeValue(await load(content)));
  });

  it("is read whole where the server knows no ranges, and refused where there is nothing", async () => {
    expect(describeValue(await load(url("/whole.pth")))).toEqual(describeValue(await load(content)));
    await expect(load(url("/missing.pth"))).rejects.toMatchObject({ kind: "io" });
  });
});

describe("state dicts", () => {
  it("are found at the top and under the usual keys", async () => {
    const state = weights();
    expect(findStateDict(state)).toBe(state);
    expect(
      findStateDict(
        new Map<string, PythonValue>([
          ["epoch", 1],
          ["model", state],
        ]),
      ),
    ).toBe(state);
    expect(() => findStateDict(new Map<string, PythonValue>([["epoch", 1]]))).toThrow("epoch");
    expect(() => findStateDict(3)).toThrow("no dict");
  });

  it("are renamed, with their metadata", () => {
    const state = new OrderedDict([...weights()].map(([name, tensor]): [string, Tensor] => [`module.${name}`, tensor]));
    state.metadata = 1;
    const renamed = renameKeys(state, stripPrefix("model.", "module."));
    expect([...renamed.keys()]).toEqual(["fc.weight", "fc.bias"]);
    expect(renamed.metadata).toBe(1);
    expect([...renameKeys(state, (name) => (name.endsWith("bias") ? undefined : name)).keys()]).toEqual([
      "module.fc.weight",
    ]);
    expect(() => renameKeys(state, () => "x")).toThrow('"x"');
  });
});

it("reads a truncated copy of a real file as truncated", async () => {
  const path = join(folder, "cut.pth");
  writeFileSync(path, (await toBytes(weights())).subarray(0, 500_000));
  await expect(load(path)).rejects.toMatchObject({ kind: "truncated", message: expect.stringContaining(path) });
  rmSync(path);
});
