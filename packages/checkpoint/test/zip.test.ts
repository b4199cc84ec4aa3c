/** Archives as other writers make them, and archives that contradict themselves. */

import { readdirSync, readFileSync } from "node:fs";
import { crc32, deflateRawSync } from "node:zlib";
import { load } from "@kindling/checkpoint";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { platform as browser } from "../dist/platform/browser.js";
import { crc32 as portableCrc32 } from "../dist/platform/crc32.js";
import { bytesSource } from "../dist/source.js";
import { readDirectory } from "../dist/zip/directory.js";
import { centralHeader, concat, dataDescriptor, endRecords, localHeader } from "../dist/zip/writer.js";
import { archive, ascii } from "./archive.js";

const PLAIN = await archive(ascii("K\x07."));

describe("zip64", () => {
  const record = { name: ascii("archive/data.pkl"), crc: 1, size: 5 * 2 ** 32, offset: 6 * 2 ** 32 };

  it("is written where 32 bits are too few, and read back", async () => {
    const directory = centralHeader(record);
    const start = record.offset + 12 * 2 ** 32;
    const end = endRecords(1, directory.length, start);
    // A sparse source: of an archive of 72 GiB, only the end exists (and zeros before it, where the comment is sought).
    const tail = concat([new Uint8Array(2 ** 16), directory, end]);
    const size = start + directory.length + end.length;
    const found = await readDirectory({
      name: "sparse",
      size,
      read: async (offset, length) => {
        const from = offset - (size - tail.length);
        return tail.slice(from, from + length);
      },
      close: async () => {},
    });
    expect(found.get("archive/data.pkl")).toMatchObject({
      size: record.size,
      compressedSize: record.size,
      headerOffset: record.offset,
    });
  });

  it("has sizes of 8 bytes behind the data, and data on a multiple of 64 bytes", () => {
    expect(dataDescriptor(record).length).toBe(4 + 4 + 8 + 8);
    expect((record.offset + localHeader(record).length) % 64).toBe(0);
  });
});

describe("contradictions are refused", () => {
  const changed = (at: (view: DataView) => void): Uint8Array => {
    const bytes = Uint8Array.from(PLAIN);
    at(new DataView(bytes.buffer));
    return bytes;
  };
  const end = PLAIN.length - 22;
  const central = new DataView(PLAIN.buffer).getUint32(end + 16, true);
  const cases: Readonly<Record<string, (view: DataView) => void>> = {
    "the number of members": (view) => view.setUint16(end + 8, 2, true),
    "the number of members, twice": (view) => {
      view.setUint16(end + 8, 2, true);
      view.setUint16(end + 10, 2, true);
    },
    "the size of the directory": (view) => view.setUint32(end + 12, 1, true),
    "the place of the directory": (view) => view.setUint32(end + 16, 0, true),
    "another disk": (view) => view.setUint16(end + 4, 1, true),
    "the zip64 record's place": (view) => view.setUint32(end - 12, 0, true),
    "a member's size": (view) => view.setUint32(central + 24, 4, true),
    "both sizes of a member": (view) => {
      view.setUint32(central + 20, 60, true);
      view.setUint32(central + 24, 60, true);
    },
    "a member's method": (view) => view.setUint16(central + 10, 8, true),
    "a member's flags": (view) => view.setUint16(central + 8, 0, true),
    encryption: (view) => view.setUint16(central + 8, 0x0809, true),
    "a member's place": (view) => view.setUint32(central + 42, 8, true),
    "the name in the local header": (view) => view.setUint8(30, 0x41),
    "the length of the local extra field": (view) => view.setUint16(28, 60_000, true),
  };
  for (const [name, change] of Object.entries(cases)) {
    it(name, async () => {
      await expect(load(changed(change))).rejects.toMatchObject({ kind: "zip" });
    });
  }
});

describe("other archives", () => {
  it("a data.pkl without a folder loads", async () => {
    const record = { name: ascii("data.pkl"), crc: crc32(ascii("K\x07.")), size: 3, offset: 0 };
    const body = concat([localHeader(record), ascii("K\x07."), dataDescriptor(record)]);
    const directory = centralHeader(record);
    expect(await load(concat([body, directory, endRecords(1, directory.length, body.length)]))).toBe(7);
  });

  it("the directory of an archive with a comment that looks like its end", async () => {
    const comment = concat([Uint8Array.of(0x50, 0x4b, 5, 6), new Uint8Array(30)]);
    const bytes = concat([PLAIN, comment]);
    new DataView(bytes.buffer).setUint16(PLAIN.length - 2, comment.length, true);
    expect(await load(bytes)).toBe(7);
    expect((await readDirectory(bytesSource(bytes))).size).toBe(1);
  });
});

describe("the browser's side", () => {
  it("computes zip's CRC-32", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(portableCrc32(bytes)).toBe(crc32(bytes));
      }),
    );
  });

  it("inflates to exactly the size that is claimed", async () => {
    const zeros = new Uint8Array(100_000);
    const deflated = new Uint8Array(deflateRawSync(zeros));
    expect(await browser.inflateRaw(deflated, zeros.length)).toEqual(zeros);
    await expect(browser.inflateRaw(deflated, zeros.length - 1)).rejects.toThrow();
    await expect(browser.inflateRaw(deflated, zeros.length + 1)).rejects.toThrow();
    await expect(browser.inflateRaw(deflated.slice(0, 20), zeros.length)).rejects.toThrow();
    await expect(browser.inflateRaw(Uint8Array.of(0xff, 0xff), 10)).rejects.toThrow();
  });

  it("imports nothing of Node", () => {
    const folder = new URL("../dist/", import.meta.url).pathname;
    const users = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".js"))
      .filter((name) => /from "node:|\bBuffer\b|\bprocess\./.test(readFileSync(folder + name, "utf8")));
    expect(users.sort()).toEqual(["platform/atomic-write.js", "platform/node.js"]);
  });

  it("has no files to write", async () => {
    await expect(browser.writeAtomically("model.pth", (async function* () {})())).rejects.toMatchObject({ kind: "io" });
  });
});
