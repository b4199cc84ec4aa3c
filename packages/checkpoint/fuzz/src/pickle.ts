/** Mutations of pickles, opcode by opcode, so that most of what comes out is still a program. */

import { ascii, EDGES, join, mutateBytes, putInteger } from "./bytes.js";
import type { Random } from "./random.js";

/** What follows an opcode: so many bytes, so many lines, or a length of so many bytes and then that many. */
type Argument = { bytes: number } | { lines: number } | { counted: number };

const ARGUMENTS = new Map<number, Argument>();
const set = (opcodes: string, argument: Argument) => {
  for (const opcode of ascii(opcodes)) ARGUMENTS.set(opcode, argument);
};
set("()].012NQRabdeloptsu}\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98", { bytes: 0 });
set("Khq\x80\x82", { bytes: 1 });
set("M\x83", { bytes: 2 });
set("Jjr\x84", { bytes: 4 });
set("G\x95", { bytes: 8 });
set("FILPSVgp", { lines: 1 });
set("ci", { lines: 2 });
set("UC\x8a\x8c", { counted: 1 });
set("TBX\x8b", { counted: 4 });
set("\x8d\x8e\x96", { counted: 8 });

const OPCODES = [...ARGUMENTS.keys()];

/** Lengths and counts beyond this are lies in any file that the fuzzer makes. */
const LONGEST = 2 ** 20;

function lengthOf(program: Uint8Array, at: number): number {
  const argument = ARGUMENTS.get(program[at]) ?? { bytes: 0 };
  if ("bytes" in argument) return 1 + argument.bytes;
  if ("lines" in argument) {
    let end = at;
    for (let i = 0; i < argument.lines; i++) {
      end = program.indexOf(10, end + 1);
      if (end < 0) return program.length - at;
    }
    return end + 1 - at;
  }
  let counted = 0;
  for (let i = argument.counted; i > 0; i--) counted = counted * 256 + (program[at + i] ?? 0);
  return 1 + argument.counted + Math.min(counted, LONGEST);
}

/** The opcodes of a program, each with its argument. */
export function split(program: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < program.length; ) {
    const length = lengthOf(program, at);
    parts.push(program.subarray(at, at + length));
    at += length;
  }
  return parts;
}

const storage = (key: string, kind: string, length: number) =>
  `(X\x07\0\0\0storagec${kind}\nX${String.fromCharCode(key.length)}\0\0\0${key}X\x03\0\0\0cpuK${String.fromCharCode(length)}tQ`;

const floats = storage("0", "torch\nFloatStorage", 16);
const bytes = storage("1", "torch.storage\nUntypedStorage", 64);

const tensor = (view: string) =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${floats}${view}\x89ccollections\nOrderedDict\n)RtR`;

/** Programs of seeds: each leaves one value. */
export const VALUES: readonly string[] = [
  "N",
  "\x88",
  "K\x03",
  "J\xff\xff\xff\xff",
  "I01\n",
  "L12345678901234567890L\n",
  "\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
  "G\x3f\xf8\0\0\0\0\0\0",
  "F1.5e3\n",
  "X\x01\0\0\0a",
  "\x8c\x09__proto__",
  "S'a\\x41'\n",
  "V\\u00e9\n",
  "U\x01a",
  "C\x02\0\xff",
  "\x96\x02\0\0\0\0\0\0\0ab",
  "](K\x01K\x02e",
  "(K\x01K\x02l",
  "(K\x01K\x02t",
  "}(K\x01K\x02X\x01\0\0\0bNu",
  "(K\x01K\x02d",
  "\x8f(K\x01K\x02\x90",
  "(K\x01K\x02\x91",
  "K\x01K\x02\x86q\x05",
  floats,
  bytes,
  tensor("K\x00K\x10\x85K\x01\x85"),
  tensor("K\x01K\x02K\x03\x86K\x07K\x02\x86"),
  tensor("K\x00))"),
  tensor("K\x00K\x00K\x02\x86K\x02K\x01\x86"),
  `ctorch._utils\n_rebuild_parameter\n(${tensor("K\x00K\x10\x85K\x01\x85")}\x88ccollections\nOrderedDict\n)RtR`,
  `ctorch._utils\n_rebuild_tensor_v3\n(${bytes}K\x00K\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rctorch\nfloat16\ntR`,
  "ctorch\nfloat32\n",
  "ctorch\nSize\n(K\x01K\x02ttR",
  "ctorch\ndevice\n(X\x04\0\0\0cudaK\x00tR",
  "ccollections\nOrderedDict\n)R(X\x01\0\0\0aK\x01u}X\x09\0\0\0_metadata}sb",
  "ccollections\nOrderedDict\n]](X\x01\0\0\0aK\x01ea\x85R",
  "ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R",
  "ccollections\nCounter\n}X\x01\0\0\0aK\x02s\x85R",
  "ccollections\ndeque\n](K\x01K\x02e\x85R",
  "c__builtin__\nset\n](K\x01K\x02e\x85R",
  "cbuiltins\nfrozenset\n](K\x01K\x02e\x85R",
  "cbuiltins\nlist\n](K\x01K\x02e\x85R",
  "cbuiltins\ntuple\n](K\x01K\x02e\x85R",
  "cbuiltins\ndict\n]\x85R",
  "cbuiltins\nbytearray\n](K\x01K\x02e\x85R",
  "cbuiltins\ncomplex\nG\x3f\xf8\0\0\0\0\0\0G\x3f\xf8\0\0\0\0\0\0\x86R",
  "c_codecs\nencode\nX\x02\0\0\0\xc3\xa9X\x06\0\0\0latin1\x86R",
  "cargparse\nNamespace\n)\x81}X\x02\0\0\0lrK\x01sb",
  "cnumpy\ndtype\n(X\x02\0\0\0f8\x89\x88tR(K\x03X\x01\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
  "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\0\0\0f8\x85RC\x08\0\0\0\0\0\0\xf0\x3f\x86R",
  "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR(K\x01K\x02\x85cnumpy\ndtype\nX\x02\0\0\0i2\x85R\x89C\x04\x01\0\x02\0tb",
];

/** What may be put anywhere: names, whole values, idioms of the stack. */
export const PICKLE_WORDS: readonly Uint8Array[] = [
  ...VALUES,
  "cos\nsystem\n",
  "c__builtin__\neval\n",
  "cbuiltins\ngetattr\n",
  "ios\nsystem\n",
  "\x8c\x02os\x8c\x06system\x93",
  "\x8c\x05torch\x8c\x08hub.load\x93",
  "ctorch._tensor\n_rebuild_from_type_v2\n",
  "ctorch._utils\n_rebuild_tensor\n",
  "ctorch\nLongStorage\n",
  "X\x07\0\0\0storage",
  "X\x0b\0\0\0constructor",
  "(",
  "t",
  ")R",
  ")\x81",
  ")}\x92",
  "o",
  "b",
  "}b",
  "N}\x86b",
  "q\x00",
  "h\x00",
  "2",
  "0",
  "1",
  "Q",
  "\x94",
  "\x80\x02",
  "\x80\x05\x95\xff\0\0\0\0\0\0\0",
  ".",
].map(ascii);

/** An opcode with an argument of random length and content. */
function anyOpcode(random: Random): Uint8Array {
  const opcode = random.pick(OPCODES);
  const argument = ARGUMENTS.get(opcode) as Argument;
  if ("lines" in argument) return join(Uint8Array.of(opcode), ascii("1\n".repeat(argument.lines)));
  const width = "bytes" in argument ? argument.bytes : argument.counted;
  const made = new Uint8Array(1 + width);
  made[0] = opcode;
  putInteger(made, 1, width, random.chance(0.5) ? BigInt(random.below(8)) : random.pick(EDGES));
  return made;
}

/** One change of a program. */
export function mutatePickle(program: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const parts = split(program);
  const at = random.below(parts.length + 1);
  const run = Math.min(random.few(16), parts.length - at);
  const join2 = (insert: readonly Uint8Array[], removed: number) =>
    join(...parts.slice(0, at), ...insert, ...parts.slice(at + removed));
  switch (random.below(8)) {
    case 0:
      return mutateBytes(program, random, PICKLE_WORDS, other);
    case 1:
      return join2([], run);
    case 2:
      return join2(parts.slice(at, at + run), 0);
    case 3:
      return join2([random.pick(PICKLE_WORDS)], 0);
    case 4:
      return join2([anyOpcode(random)], random.below(2));
    case 5: {
      const others = split(other);
      const from = random.below(others.length + 1);
      return join2(others.slice(from, from + random.few(16)), random.chance(0.5) ? run : 0);
    }
    case 6: {
      // The argument of one opcode.
      if (at === parts.length) return program;
      const [opcode, argument] = [parts[at].subarray(0, 1), parts[at].subarray(1)];
      return join2([opcode, mutateBytes(argument, random, PICKLE_WORDS, other)], 1);
    }
    default: {
      const target = random.below(parts.length + 1);
      const moved = parts.splice(at, run);
      parts.splice(Math.min(target, parts.length), 0, ...moved);
      return join(...parts);
    }
  }
}
