/** Small files that ask for much time or memory: each is a program of some hundred kilobytes at most, or little more. */

import { deflateRawSync } from "node:zlib";
import { archive, ascii, storage, tensor } from "./archive.js";
import { rawZip } from "./raw-zip.js";

/** A little-endian integer of four bytes. */
const u32 = (number: number): string =>
  String.fromCharCode(number & 255, (number >> 8) & 255, (number >> 16) & 255, number >>> 24);

const text = (string: string): string => `X${u32(string.length)}${string}`;

const COUNT = 50_000;

/** A value in the memo at 0, then a call of it again and again. */
const calls = (value: string, callee: string, times: number): string =>
  `${value}q\0c${callee}\nq\x01h\0\x85q\x02${"h\x01h\x02R0".repeat(times)}.`;

/** The same, with every result kept. */
const keptCalls = (value: string, callee: string, times: number): string =>
  `${value}q\0c${callee}\nq\x01h\0\x85q\x02](${"h\x01h\x02R".repeat(times)}e.`;

const longList = `](${"N".repeat(COUNT)}e`;
const longBytes = `](${"K\0".repeat(COUNT)}e`;
const longDict = `}(${Array.from({ length: 10_000 }, (_, i) => `${text(`k${i}`)}N`).join("")}u`;
const whole = tensor("0", 4, "I0\nI4\n\x85I1\n\x85");

/** `_rebuild_tensor_v2`, storage 0, an OrderedDict and False in the memo at 0 to 3. */
const prelude = `ctorch._utils\n_rebuild_tensor_v2\nq\0${storage("0", 4)}q\x01ccollections\nOrderedDict\n)Rq\x02I00\nq\x03`;
const small = (number: number): string => `J${u32(number)}`;

const PROGRAMS: Readonly<Record<string, () => string>> = {
  "a list copied": () => calls(longList, "builtins\nlist", 20_000),
  "a list copied and kept": () => keptCalls(longList, "builtins\nlist", 20_000),
  "a tuple copied and kept": () => keptCalls(longList, "builtins\ntuple", 20_000),
  "a set made and kept": () =>
    keptCalls(`](${Array.from({ length: COUNT }, (_, i) => small(i)).join("")}e`, "builtins\nfrozenset", 5_000),
  "a deque copied and kept": () => keptCalls(longList, "collections\ndeque", 20_000),
  "bytes of a list": () => keptCalls(longBytes, "builtins\nbytes", 20_000),
  "a size of a list": () => calls(longBytes, "torch\nSize", 20_000),
  "a dict copied and kept": () => keptCalls(longDict, "builtins\ndict", 5_000),
  "an OrderedDict of pairs": () => keptCalls(`](${"NN\x86".repeat(COUNT)}e`, "collections\nOrderedDict", 20_000),
  "a text encoded": () => keptCalls(text("a".repeat(COUNT)), "_codecs\nencode", 20_000),
  "attributes set again": () => `${longDict}q\0cargparse\nNamespace\n)R${"h\0b".repeat(50_000)}.`,
  "a numpy array given its data again": () =>
    `cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\x01btRq\0(K\x01K\x02\x85cnumpy\ndtype\nX\x02\0\0\0i2\x85R\x89C\x04\0\0\0\0tq\x01${"h\0h\x01b0".repeat(50_000)}N.`,
  "a path of many parts": () => `${text("a")}q\0cpathlib\nPosixPath\n(${"h\0".repeat(COUNT)}tR.`,
  "a float of many digits, which is none": () => `F${"1".repeat(200_000)}x\n.`,
  "an integer of many digits": () => `L${"7".repeat(200_000)}L\n.`,
  "many integers of many digits": () => `(${`L${"7".repeat(4000)}L\n`.repeat(100)}l.`,
  "many integers of 64 KiB": () => `(${`\x8b\0\0\x01\0${"\x7f".repeat(65536)}`.repeat(10)}l.`,
  "lone surrogates": () => `X${u32(3 * COUNT)}${"\xed\xa0\x80".repeat(COUNT)}q\0c_codecs\nencode\nh\0\x85R.`,
  "escapes of protocol 0": () => `(V${"\\u00e9".repeat(COUNT)}\nS'${"\\x41".repeat(COUNT)}'\nt.`,
  "texts of 60 characters": () =>
    `(${Array.from({ length: 5_000 }, (_, i) => text(`${i}`.padStart(60, "x"))).join("")}l.`,
  "empty lists": () => `(${"]".repeat(300_000)}l.`,
  "empty dicts": () => `(${"}".repeat(300_000)}l.`,
  "empty sets": () => `(${"\x8f".repeat(300_000)}l.`,
  "empty tuples": () => `(${")".repeat(300_000)}l.`,
  "ordered dicts": () => `ccollections\nOrderedDict\nq\0)q\x01(${"h\0h\x01R".repeat(200_000)}l.`,
  floats: () => `(${"G\0\0\0\0\0\0\0\x01".repeat(200_000)}l.`,
  "bytes of one byte": () => `(${"C\x01a".repeat(300_000)}l.`,
  duplicates: () => `N${"2".repeat(1_000_000)}.`,
  marks: () => `N${"(".repeat(1_000_000)}.`,
  "a memo with holes": () => `N${Array.from({ length: 100_000 }, (_, i) => `r${u32(40_000 * i)}`).join("")}.`,
  "a tuple in a tuple, twice each": () =>
    `Nq\0${Array.from({ length: 200 }, (_, i) => `h${String.fromCharCode(i)}h${String.fromCharCode(i)}\x86q${String.fromCharCode(i + 1)}`).join("")}.`,
  "a key that is a tuple in a tuple, twice each": () =>
    `Nq\0${Array.from({ length: 60 }, (_, i) => `h${String.fromCharCode(i)}h${String.fromCharCode(i)}\x86q${String.fromCharCode(i + 1)}`).join("")}q\x70}h\x70${whole}s.`,
  "names that grow with the depth": () =>
    `}${`${text("k".repeat(1000))}q\x01`}${"}h\x01".repeat(400)}}${Array.from({ length: 2000 }, (_, i) => `${text(`w${i}`)}${whole}s`).join("")}${"s".repeat(401)}.`,
  "keys of megabytes": () =>
    `}(${Array.from({ length: 8 }, (_, i) => `${text(String.fromCharCode(97 + i).repeat(200_000))}N`).join("")}u.`,
  "a name of megabytes": () => `c${"a".repeat(1_000_000)}\nb\n.`,
  "one tensor in a list, very often": () => `(${whole}q\0${"h\0".repeat(200_000)}l.`,
  "views of one storage, each another": () =>
    `${prelude}(${Array.from({ length: 20_000 }, (_, i) => `h\0(h\x01I0\n(K\x01${small(i + 1)}t(K\0K\0th\x03h\x02tR`).join("")}l.`,
  "tensors of 64 dimensions": () =>
    `${prelude}(${"K\x01".repeat(64)}tq\x04(h\x01K\0h\x04h\x04h\x03h\x02tq\x05(${"h\0h\x05R".repeat(100_000)}l.`,
  "a shape of many dimensions, again and again": () =>
    `${prelude}(${"K\x01".repeat(COUNT)}tq\x04(h\x01K\0h\x04h\x04h\x03h\x02tq\x05${"h\0h\x05R0".repeat(1000)}N.`,
  "an expanded view with 60 dimensions of size 1 inside": () =>
    `${tensor("0", 4, `I0\n(${small(8_000_000)}${"I1\n".repeat(60)}t(I0\n${"I0\n".repeat(60)}t`)}.`,
  "an expanded view of gigabytes": () => `${tensor("0", 4, `I0\n(${small(2 ** 30)}tI0\n\x85`)}.`,
};

const FLOATS = new Uint8Array(16);

/** Two tuples of keys of a legacy file, which are listed as storages. */
function legacyNest(): Uint8Array {
  const nest = `Nq\0${Array.from({ length: 60 }, (_, i) => `h${String.fromCharCode(i)}h${String.fromCharCode(i)}\x86q${String.fromCharCode(i + 1)}`).join("")}\x85`;
  return ascii(`\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02N.\x80\x02${nest}.`);
}

/** The bombs by name. */
export async function bombs(): Promise<Map<string, Uint8Array>> {
  const made = new Map<string, Uint8Array>();
  for (const [name, program] of Object.entries(PROGRAMS))
    made.set(name, await archive(ascii(program()), { "0": FLOATS }));
  made.set("a storage's key that is a tuple in a tuple", legacyNest());
  const zeros = (size: number) => ({ data: deflateRawSync(new Uint8Array(size)), method: 8, size, crc: 0 });
  made.set("a pickle that inflates to 64 MiB", rawZip([{ name: "a/data.pkl", ...zeros(2 ** 26) }]));
  const pickle = ascii(`${storage("0", 2 ** 24)}.`);
  made.set(
    "a storage that inflates to 64 MiB",
    rawZip([
      { name: "a/data.pkl", data: pickle },
      { name: "a/data/0", ...zeros(2 ** 26) },
    ]),
  );
  return made;
}
