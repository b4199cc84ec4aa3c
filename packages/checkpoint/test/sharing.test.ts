/** Tensors that share a storage in the file: what is one tensor there is one here, and the storage is read once. */

import { type ByteSource, load } from "@kindling/checkpoint";
import type { Tensor } from "@kindling/core";
import { describe, expect, it } from "vitest";
import { bytesSource } from "../dist/source.js";
import { archive, ascii, storage, tensor } from "./archive.js";

const recorded = (name: string): string => new URL(`./recorded/reading/files/${name}`, import.meta.url).pathname;

/** A source that counts how often each byte is read. */
function counting(bytes: Uint8Array): { source: ByteSource; reads: Uint8Array } {
  const inner = bytesSource(bytes);
  const reads = new Uint8Array(bytes.length);
  const read = (offset: number, length: number) => {
    for (let i = offset; i < offset + length; i++) reads[i]++;
    return inner.read(offset, length);
  };
  return { source: { ...inner, read }, reads };
}

describe("one storage", () => {
  for (const name of ["parameters.zip.pth", "parameters.legacy.pth"]) {
    it(`${name}: tied parameters are one tensor, their data is another`, async () => {
      const value = (await load(recorded(name))) as Map<string, Tensor>;
      expect(value.get("tied")).toBe(value.get("parameter"));
      expect(value.get("data")).not.toBe(value.get("parameter"));
    });
  }

  it("is read once, however many tensors lie on it", async () => {
    // Long enough for a middle that neither the pickle before it nor the search for the archive's end touches.
    const length = 50_000;
    const numbers = Float32Array.from({ length }, (_, i) => i);
    const column = tensor("0", length, "I1\n(I20000\nt(I2\nt");
    const whole = tensor("0", length, `I0\n(I${length}\nt(I1\nt`);
    const bytes = await archive(ascii(`(${column}${whole}l.`), { "0": new Uint8Array(numbers.buffer) });
    const { source, reads } = counting(bytes);
    const [odd, all] = (await load(source)) as Tensor[];
    expect(odd.hostData()?.[19_999]).toBe(39_999);
    expect(all.hostData()?.[49_999]).toBe(49_999);
    const start = Buffer.from(bytes).indexOf(Buffer.from(numbers.buffer));
    expect(new Set(reads.subarray(start + 70_000, start + 130_000))).toEqual(new Set([1]));
  });

  it("gives each view memory of its own", async () => {
    const view = tensor("0", 4, "I0\n(I4\nt(I1\nt");
    const part = tensor("0", 4, "I1\n(I2\nt(I1\nt");
    const bytes = await archive(ascii(`(${view}${part}l.`), {
      "0": new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer),
    });
    const [whole, inside] = (await load(bytes)) as Tensor[];
    expect([...(inside.hostData() as Float32Array)]).toEqual([2, 3]);
    expect(inside.hostData()?.buffer).not.toBe(whole.hostData()?.buffer);
  });
});

describe("containers", () => {
  it("that occur twice are one object", async () => {
    const value = (await load(recorded("python.2.zip.pth"))) as Map<string, unknown[]>;
    const [first, second] = value.get("shared") as unknown[];
    expect(first).toBe(second);
  });

  it("are plain maps whose keys are only keys", async () => {
    const value = (await load(await archive(ascii("}(S'__proto__'\n}S'constructor'\nI1\nu.")))) as Map<string, unknown>;
    expect([...value.keys()]).toEqual(["__proto__", "constructor"]);
    expect(({} as { constructor: unknown }).constructor).toBe(Object);
  });

  it("with a tensor as a key are refused", async () => {
    const bytes = await archive(ascii(`}${storage("0", 1)}I1\ns.`), { "0": new Uint8Array(4) });
    await expect(load(bytes)).rejects.toMatchObject({ kind: "unsupported" });
  });
});
