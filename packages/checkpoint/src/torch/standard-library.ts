/** What the classes and functions of Python's standard library mean in a checkpoint: containers, bytes, numbers, paths. */

import { CheckpointError } from "../errors.js";
import { isHashable } from "../pickle/hashable.js";
import { latin1Bytes } from "../pickle/text.js";
import { GlobalReference } from "../pickle/unpickler.js";
import { encodeUtf8 } from "../utf8.js";
import {
  Complex,
  FrozenSet,
  newDict,
  OrderedDict,
  PLAIN_CLASSES,
  PythonObject,
  type PythonValue,
  Tuple,
} from "../values.js";
import { checkCount, describe, integers, text } from "./arguments.js";
import { DATE_CALLS } from "./dates.js";

const bad = (message: string): CheckpointError => new CheckpointError("bad-pickle", message);

type Call = (args: readonly unknown[]) => unknown;

/** `[[key, value], …]`, as old Pythons pickle the items of a mapping. */
function fillFromPairs<M extends Map<unknown, unknown>>(map: M, pairs: unknown, what: string): M {
  if (pairs instanceof Map) for (const [key, value] of pairs) map.set(key, value);
  else if (Array.isArray(pairs)) {
    for (const pair of pairs) {
      if (!Array.isArray(pair) || pair.length !== 2) throw bad(`${what} is made of something that is not pairs`);
      const [key, value] = pair as unknown[];
      if (!isHashable(key)) throw bad(`${what} has an unhashable key`);
      map.set(key, value);
    }
  } else throw bad(`${what} is made from ${describe(pairs)}`);
  return map;
}

function items(args: readonly unknown[], what: string): unknown[] {
  checkCount(args, 0, 1, what);
  const [list = []] = args;
  if (list instanceof Set) return [...list];
  if (!Array.isArray(list)) throw bad(`${what} is made from ${describe(list)}`);
  return list;
}

function fillSet(args: readonly unknown[], into: Set<unknown>, what: string): Set<unknown> {
  for (const item of items(args, what)) {
    if (!isHashable(item)) throw bad(`${what} has an unhashable member`);
    into.add(item);
  }
  return into;
}

/** `_codecs.encode(text, encoding)`: how protocol 2 writes bytes. */
function encode(args: readonly unknown[]): Uint8Array {
  checkCount(args, 1, 2, "_codecs.encode");
  const string = text(args[0], "the text of _codecs.encode");
  const encoding = args.length > 1 ? text(args[1], "the encoding of _codecs.encode") : "utf-8";
  if (/^utf-?8$/i.test(encoding)) return encodeUtf8(string);
  const bytes = /^(latin-?1|iso-?8859-?1)$/i.test(encoding) ? latin1Bytes(string) : undefined;
  if (bytes === undefined) throw bad(`_codecs.encode cannot encode this text as ${encoding}`);
  return bytes;
}

function byteString(args: readonly unknown[], what: string): Uint8Array {
  if (args.length === 2) return encode(args);
  checkCount(args, 0, 1, what);
  if (args.length === 0) return new Uint8Array(0);
  if (args[0] instanceof Uint8Array) return args[0];
  const values = integers(args[0], what);
  if (values.some((value) => value < 0 || value > 255)) throw bad(`${what} has a value that is no byte`);
  return Uint8Array.from(values);
}

/** A path of its parts: one that is absolute starts it anew, as when paths are joined. */
function path(args: readonly unknown[], separator: string, absolute: RegExp): string {
  const parts = args.map((arg) => text(arg, "a part of a path"));
  const first = Math.max(
    parts.findLastIndex((part) => absolute.test(part)),
    0,
  );
  const ended = parts.slice(first).filter((part) => part !== "");
  const joined = ended.map((part, i) => (i < ended.length - 1 && !part.endsWith(separator) ? part + separator : part));
  return joined.join("") || ".";
}

const posixPath: Call = (args) => path(args, "/", /^\//);
const windowsPath: Call = (args) => path(args, "\\", /^([a-z]:)?[\\/]/i);

/** An instance of a class that is nothing but attributes, which `BUILD` brings. */
const plainObject =
  (name: string): Call =>
  (args) => {
    checkCount(args, 0, 0, name);
    return new PythonObject(name);
  };

/** `copyreg._reconstructor(class, object, None)`: how protocols 0 and 1 make an instance. */
function reconstruct(args: readonly unknown[]): PythonObject {
  checkCount(args, 3, 3, "copyreg._reconstructor");
  const [type, base, state] = args;
  if (!(type instanceof GlobalReference) || !PLAIN_CLASSES.includes(type.name))
    throw bad(`copyreg._reconstructor makes ${describe(type)}, which is no class of plain attributes`);
  if (!(base instanceof GlobalReference) || base.name !== "builtins.object" || state !== null)
    throw bad(`copyreg._reconstructor makes ${type.name} from ${describe(state)}`);
  return new PythonObject(type.name);
}

/** Names that are only referred to: a base class, the factory of a defaultdict. */
const NEVER_CALLED = ["object", "int", "float", "str", "bool"].map((type): [string, Call] => {
  const name = `builtins.${type}`;
  const refuse: Call = () => {
    throw bad(`${name} is called, which is not what torch.save writes`);
  };
  return [name, refuse];
});

/** The calls by name, as Python 3 has it. */
export const STANDARD_CALLS: ReadonlyMap<string, Call> = new Map<string, Call>([
  [
    "collections.OrderedDict",
    (args) => {
      checkCount(args, 0, 1, "collections.OrderedDict");
      return args.length === 0
        ? new OrderedDict()
        : fillFromPairs(new OrderedDict(), args[0], "collections.OrderedDict");
    },
  ],
  [
    "collections.defaultdict",
    (args) => {
      checkCount(args, 0, 2, "collections.defaultdict");
      return args.length < 2 ? newDict() : fillFromPairs(newDict(), args[1], "collections.defaultdict");
    },
  ],
  ["collections.Counter", (args) => fillFromPairs(newDict(), args[0] ?? [], "collections.Counter")],
  [
    "collections.deque",
    (args) => {
      checkCount(args, 0, 2, "collections.deque");
      return [...items(args.slice(0, 1), "collections.deque")];
    },
  ],
  ["builtins.set", (args) => fillSet(args, new Set(), "set")],
  ["builtins.frozenset", (args) => fillSet(args, new FrozenSet(), "frozenset")],
  ["builtins.list", (args) => [...items(args, "list")]],
  ["builtins.tuple", (args) => Tuple.from(items(args, "tuple") as PythonValue[])],
  ["builtins.dict", (args) => fillFromPairs(newDict(), args[0] ?? [], "dict")],
  ["builtins.bytes", (args) => byteString(args, "bytes")],
  ["builtins.bytearray", (args) => byteString(args, "bytearray")],
  [
    "builtins.complex",
    (args) => {
      checkCount(args, 2, 2, "complex");
      if (typeof args[0] !== "number" || typeof args[1] !== "number") throw bad("complex is made from no numbers");
      return new Complex(args[0], args[1]);
    },
  ],
  ["_codecs.encode", encode],
  ["pathlib.PosixPath", posixPath],
  ["pathlib.PurePosixPath", posixPath],
  ["pathlib.WindowsPath", windowsPath],
  ["pathlib.PureWindowsPath", windowsPath],
  ["copyreg._reconstructor", reconstruct],
  ...PLAIN_CLASSES.map((name): [string, Call] => [name, plainObject(name)]),
  ...NEVER_CALLED,
  ...DATE_CALLS,
]);
