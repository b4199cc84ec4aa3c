/** Archives that lie, or that two readers could understand in two ways. */

import { deflateRawSync } from "node:zlib";
import { load } from "@kindling/checkpoint";
import { describe, expect, it } from "vitest";
import { ascii, join, storage } from "./archive.js";
import { outcome } from "./outcome.js";
import { members, type RawEnd, type RawMember, rawZip } from "./raw-zip.js";

/** An archive whose pickle refers to its storage, so that both members are read. */
function zip(changes: {
  bytes?: number;
  pickle?: Partial<RawMember>;
  data?: Partial<RawMember>;
  more?: RawMember[];
  end?: RawEnd;
}) {
  const [pickle, data] = members();
  pickle.data = ascii(`${storage("0", (changes.bytes ?? 16) / 4)}.`);
  return rawZip([{ ...pickle, ...changes.pickle }, { ...data, ...changes.data }, ...(changes.more ?? [])], changes.end);
}

const GOOD = { t: "tensor", shape: [4] };
const none: Uint8Array = new Uint8Array(0);
const member = (name: string, data = none): RawMember => ({ name, data });
const WIDE = 0xffffffff;

/** A zip64 field of the given values. */
const zip64 = (...values: readonly bigint[]): Uint8Array => {
  const field = new DataView(new ArrayBuffer(4 + 8 * values.length));
  field.setUint16(0, 1, true);
  field.setUint16(2, 8 * values.length, true);
  values.forEach((value, i) => {
    field.setBigUint64(4 + 8 * i, value, true);
  });
  return new Uint8Array(field.buffer);
};

describe("an archive that contradicts itself is refused", () => {
  const lies: Readonly<Record<string, [bytes: Uint8Array, kind: string]>> = {
    "two members of one name": [zip({ more: [member("a/data/0")] }), "zip"],
    "two data.pkl": [zip({ more: [member("b/data.pkl", ascii("N."))] }), "zip"],
    "a data.pkl in a folder below": [zip({ more: [member("a/b/data.pkl", ascii("N."))] }), "zip"],
    "two data.pkl of one name": [zip({ more: [member("a/data.pkl", ascii("N."))] }), "zip"],
    "a name that climbs": [zip({ more: [member("a/../../etc/passwd")] }), "zip"],
    "a name that is only two dots": [zip({ more: [member("..")] }), "zip"],
    "an absolute name": [zip({ more: [member("/etc/passwd")] }), "zip"],
    "a drive": [zip({ more: [member("C:/autoexec.bat")] }), "zip"],
    "a backslash": [zip({ more: [member("a\\..\\b")] }), "zip"],
    "a NUL": [zip({ more: [member("a/data.pkl\0.txt")] }), "zip"],
    "a name that is no UTF-8": [zip({ more: [member("\xff")] }), "zip"],
    encrypted: [zip({ data: { flags: 1 } }), "zip"],
    "strongly encrypted": [zip({ data: { flags: 0x41 } }), "zip"],
    "an encrypted directory": [zip({ data: { flags: 0x2000 } }), "zip"],
    "compressed by LZMA": [zip({ data: { method: 14 } }), "zip"],
    "compressed by zstd": [zip({ data: { method: 93 } }), "zip"],
    "on another disk": [zip({ data: { disk: 1 } }), "zip"],
    "an archive on a second disk": [zip({ end: { disk: 1 } }), "zip"],
    "fewer members on this disk": [zip({ end: { diskCount: 1 } }), "zip"],
    "more members than there are": [zip({ end: { count: 3 } }), "zip"],
    "fewer members than there are": [zip({ end: { count: 1 } }), "zip"],
    "65535 members": [zip({ end: { count: 0xffff } }), "zip"],
    "a directory elsewhere": [zip({ end: { offset: 0 } }), "zip"],
    "a directory of another size": [zip({ end: { size: 46 } }), "zip"],
    "a directory of 4 GiB": [zip({ end: { size: WIDE } }), "zip"],
    "members over one another": [zip({ data: { offset: 0 } }), "zip"],
    "a member in the directory": [zip({ data: { offset: 200 } }), "zip"],
    "a member beyond the file": [zip({ data: { offset: 2 ** 31 } }), "zip"],
    "a size beyond the next member": [zip({ pickle: { compressedSize: 200, size: 200 } }), "zip"],
    "a stored member of two sizes": [zip({ data: { size: 17 } }), "zip"],
    "a size that 8 zero bytes cannot inflate to": [zip({ data: { method: 8, size: 2 ** 31 } }), "zip"],
    "a stream that is no deflate": [zip({ data: { method: 8 } }), "zip"],
    "another name in the local header": [zip({ data: { localName: "a/data/1" } }), "zip"],
    "a longer name in the local header": [zip({ data: { localName: "a/data/00" } }), "zip"],
    "another method in the local header": [zip({ data: { localMethod: 8 } }), "zip"],
    "other flags in the local header": [zip({ data: { localFlags: 1 } }), "zip"],
    "another checksum in the local header": [zip({ data: { localCrc: 1 } }), "zip"],
    "another size in the local header": [zip({ data: { localSize: 15 } }), "zip"],
    "an extra field that pushes the data over the next": [
      zip({ pickle: { localExtra: new Uint8Array(0) }, data: { localExtra: ascii("xx"), offset: 90 } }),
      "zip",
    ],
    "another checksum in both headers": [zip({ data: { crc: 1 } }), "crc"],
    "sizes in a zip64 field that is not there": [zip({ data: { size: WIDE } }), "zip"],
    "a zip64 field that is too short": [zip({ data: { size: WIDE, compressedSize: WIDE, extra: zip64(16n) } }), "zip"],
    "a zip64 field beyond 2^53": [zip({ data: { size: WIDE, extra: zip64(2n ** 63n) } }), "zip"],
    "a zip64 field that lies": [
      zip({ data: { size: WIDE, compressedSize: WIDE, extra: zip64(2n ** 40n, 2n ** 40n) } }),
      "zip",
    ],
    "an offset of 2^52": [zip({ data: { offset: WIDE, extra: zip64(2n ** 52n) } }), "zip"],
    "an extra field longer than the extra fields": [
      zip({ data: { size: WIDE, extra: ascii("\x01\0\xff\xff") } }),
      "zip",
    ],
    "bytes before the archive": [join("#!/bin/sh\n", zip({})), "not-a-checkpoint"],
    "bytes behind the archive": [join(zip({}), "x"), "truncated"],
  };
  for (const [name, [bytes, kind]] of Object.entries(lies))
    it(`${name}: ${kind}`, async () => {
      expect(await outcome(bytes)).toBe(kind);
    });

  it("an archive in the comment of another", async () => {
    const [inner, outer] = [zip({}), zip({})];
    expect(await outcome(rawZip([], { comment: inner }))).not.toMatchObject(GOOD);
    // The inner archive made to fit its place, which a reader that looks for the last end would take.
    const view = new DataView(inner.buffer, inner.byteOffset);
    view.setUint32(inner.length - 6, view.getUint32(inner.length - 6, true) + outer.length, true);
    const nested = join(outer, inner);
    new DataView(nested.buffer).setUint16(outer.length - 2, inner.length, true);
    expect(await outcome(nested)).toBe("zip");
  });
});

describe("what is odd but means one thing is read", () => {
  const oddities: Readonly<Record<string, Uint8Array>> = {
    "a symbolic link, whose target is the data": zip({ data: { madeBy: 0x0314, attributes: 0xa1ff0000 } }),
    "names that differ by case": zip({ more: [member("a/Data.pkl"), member("A/data/0")] }),
    "names that differ by Unicode normalisation": zip({ more: [member("a/\xc3\xa9"), member("a/e\xcc\x81")] }),
    "a folder": zip({ more: [member("a/data/")] }),
    "a comment": zip({ end: { comment: ascii("made by hand") } }),
    "a comment with the signature of an end": zip({ end: { comment: ascii("PK\x05\x06") } }),
    "an unknown extra field": zip({ data: { extra: ascii("zz\x01\0a"), localExtra: ascii("zz\x01\0a") } }),
    "a needless zip64 field": zip({ data: { extra: zip64(9n, 9n) } }),
    "a descriptor that lies, which nothing reads": zip({ data: { flags: 8, after: ascii("PK\x07\x08junkjunkjunk") } }),
    "bytes between members": zip({ pickle: { after: ascii("between") } }),
    "names beside the archive's folder": zip({ more: [member("__proto__"), member("constructor")] }),
  };
  for (const [name, bytes] of Object.entries(oddities))
    it(name, async () => {
      expect(await outcome(bytes)).toMatchObject(GOOD);
    });
});

describe("deflate bombs", () => {
  const bomb = (size: number) => {
    const plain = new Uint8Array(size);
    return { data: deflateRawSync(plain), method: 8, size, crc: 0 };
  };

  it("are stopped by what they claim, before they are inflated", async () => {
    const start = performance.now();
    expect(await outcome(zip({ data: bomb(2 ** 27), bytes: 2 ** 27 }), { maxTensorBytes: 2 ** 20 })).toBe("limit");
    expect(await outcome(zip({ pickle: bomb(2 ** 27) }), { maxObjectBytes: 2 ** 20 })).toBe("limit");
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it("are stopped where they inflate to more than they claim", async () => {
    for (const size of [0, 4, 16, 2 ** 16])
      expect(await outcome(zip({ data: { ...bomb(2 ** 24), size }, bytes: size })), `${size} bytes`).toBe("zip");
  });

  it("of many members are counted together", async () => {
    const names = Array.from({ length: 100 }, (_, i) => String(i));
    const data = deflateRawSync(new Uint8Array(2 ** 16));
    const pickle = ascii(`(${names.map((name) => storage(name, 2 ** 14)).join("")}l.`);
    const bytes = rawZip([
      { name: "a/data.pkl", data: pickle },
      ...names.map((name): RawMember => ({ name: `a/data/${name}`, data, method: 8, size: 2 ** 16, crc: 0 })),
    ]);
    expect(bytes.length).toBeLessThan(50_000);
    expect(await outcome(bytes, { maxTensorBytes: 50 * 2 ** 16 })).toBe("limit");
  });
});

describe("a directory of very many members", () => {
  it("is charged to the budget", async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => member(`a/x/${i}`));
    const bytes = zip({ more: many });
    expect(await outcome(bytes, { maxObjectBytes: 2 ** 20 })).toBe("limit");
    expect(await load(bytes)).toBeDefined();
  });
});
