/**
 * Writes pickles of protocol 2, opcode for opcode as CPython does: what has been written once is put into the memo and
 * referred to afterwards (strings by value, everything else by identity).
 */

import { CheckpointError } from "../errors.js";
import { DEFAULT_MAX_DEPTH } from "../limits.js";
import { encodeUtf8 } from "../utf8.js";
import {
  Complex,
  Float,
  FrozenSet,
  isLoadedDict,
  OrderedDict,
  PLAIN_CLASSES,
  PythonObject,
  Size,
  TorchDevice,
  TorchDtype,
  Tuple,
  tuple,
} from "../values.js";
import { Op } from "./opcodes.js";
import { latin1 } from "./text.js";
import { PickleWriter } from "./writer.js";

/** A class or function by its name in the file. */
export class GlobalName {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}

/** A reference to something outside the pickle: in torch's files, a storage. */
export class PersistentId {
  constructor(readonly id: Tuple) {}
}

/** A string that is written even where an equal one has been: in Python, another object. */
export class OwnString {
  constructor(readonly text: string) {}
}

/** An object as the call that makes it. */
export interface Reduction {
  readonly callee: GlobalName;
  readonly args: readonly unknown[];
}

/** CPython writes the items of containers in batches of this many. */
const BATCH = 1000;

const PROTOCOL = 2;

/** What the pickler is told about tensors, which are no Python values of its own. */
export interface TensorRules {
  /** A `Map` whose keys are strings and whose values are all tensors is a state dict: an `OrderedDict`. */
  isTensor(value: unknown): boolean;
  /** Whether an object inside a state dict is another one than the same outside, as a parameter is: torch's state dicts
   *  hold parameters without `requires_grad`. */
  isDetached(object: object): boolean;
  /** How an object is made; undefined for what is no tensor. `detached` is true inside a state dict. */
  reduce(object: object, detached: boolean): Reduction | undefined;
}

/** The pickle of a value. */
export function pickle(value: unknown, rules: TensorRules): Uint8Array {
  return new Pickler(rules).dump(value);
}

class Pickler {
  private readonly out = new PickleWriter();
  private readonly memo = new Map<unknown, number>();
  /** Containers that are being written, to find cycles. */
  private readonly open = new Set<object>();
  private inStateDict = false;
  /** Keys that lead to the value being written, for messages. */
  private readonly path: string[] = [];

  /** What stands in the memo for objects that are detached in state dicts. */
  private readonly detached = new Map<object, symbol>();

  constructor(private readonly rules: TensorRules) {}

  dump(value: unknown): Uint8Array {
    this.out.opcode(Op.PROTO);
    this.out.uint8(PROTOCOL);
    this.save(value);
    this.out.opcode(Op.STOP);
    return this.out.finish();
  }

  private save(value: unknown) {
    switch (typeof value) {
      case "undefined":
        return this.out.opcode(Op.NONE);
      case "boolean":
        return this.out.opcode(value ? Op.NEWTRUE : Op.NEWFALSE);
      case "number":
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) return this.out.integer(BigInt(value));
        return this.out.float(value);
      case "bigint":
        return this.out.integer(value);
      case "string":
        return this.saveString(value);
      case "object":
        return value === null ? this.out.opcode(Op.NONE) : this.saveObject(value);
      default:
        throw this.unsupported(`a ${typeof value}`);
    }
  }

  private unsupported(what: string): CheckpointError {
    return new CheckpointError(
      "unsupported",
      `${what} cannot be saved (at ${this.path.join(".") || "the top"}). ` +
        "Tensors, numbers, strings, bytes, arrays, Maps, Sets and plain objects can",
    );
  }

  /** Writes a reference if the thing has been written before. */
  private recall(key: unknown): boolean {
    const index = this.memo.get(key);
    if (index === undefined) return false;
    this.out.indexed(Op.BINGET, Op.LONG_BINGET, index);
    return true;
  }

  private remember(key: unknown): void {
    this.out.indexed(Op.BINPUT, Op.LONG_BINPUT, this.memo.size);
    this.memo.set(key, this.memo.size);
  }

  private saveString(text: string, identity: unknown = text): void {
    if (this.recall(identity)) return;
    const bytes = encodeUtf8(text);
    this.out.opcode(Op.BINUNICODE);
    this.out.uint32(bytes.length);
    this.out.bytes(bytes);
    this.remember(identity);
  }

  private saveGlobal(module: string, name: string): void {
    // A symbol, so that no string of the value is taken for it.
    const key = Symbol.for(`${module}\n${name}`);
    if (this.recall(key)) return;
    this.out.opcode(Op.GLOBAL);
    this.out.bytes(encodeUtf8(`${module}\n${name}\n`));
    this.remember(key);
  }

  private saveObject(object: object): void {
    if (this.open.has(object))
      throw new CheckpointError("cycle", `a value that contains itself cannot be saved (at ${this.path.join(".")})`);
    if (this.recall(this.identity(object))) return;
    if (this.open.size >= DEFAULT_MAX_DEPTH)
      throw new CheckpointError("depth", `values nested more than ${DEFAULT_MAX_DEPTH} deep cannot be saved`);
    this.open.add(object);
    this.saveNew(object);
    this.open.delete(object);
  }

  /** What an object is known by in the memo. */
  private identity(object: object): object | symbol {
    if (!this.inStateDict || !this.rules.isDetached(object)) return object;
    const identity = this.detached.get(object) ?? Symbol("detached");
    this.detached.set(object, identity);
    return identity;
  }

  private saveNew(object: object) {
    if (object instanceof GlobalName) return this.saveGlobal(object.module, object.name);
    if (object instanceof OwnString) return this.saveString(object.text, object);
    if (object instanceof Float) return this.out.float(object.value);
    if (object instanceof PersistentId) {
      this.save(object.id);
      return this.out.opcode(Op.BINPERSID);
    }
    const reduction = this.rules.reduce(object, this.inStateDict) ?? builtinReduction(object);
    if (reduction) return this.saveReduction(reduction, object);
    if (object instanceof Tuple || (Array.isArray(object) && Object.isFrozen(object))) return this.saveTuple(object);
    if (Array.isArray(object)) return this.saveList(object);
    if (object instanceof Map) return this.saveMap(object);
    if (object instanceof TorchDtype) return this.saveGlobal("torch", object.name);
    if (object instanceof PythonObject) return this.savePythonObject(object);
    const prototype: unknown = Object.getPrototypeOf(object);
    if (prototype !== Object.prototype && prototype !== null) throw this.unsupported(`a ${object.constructor.name}`);
    this.saveDict(object, new Map(Object.entries(object)));
  }

  private saveReduction({ callee, args }: Reduction, object: object): void {
    this.save(callee);
    this.save(tuple(args as never[]));
    this.out.opcode(Op.REDUCE);
    this.remember(this.identity(object));
  }

  private saveTuple(items: readonly unknown[]) {
    if (items.length === 0) return this.out.opcode(Op.EMPTY_TUPLE);
    if (items.length > 3) this.out.opcode(Op.MARK);
    this.saveItems(items);
    this.out.opcode([Op.TUPLE1, Op.TUPLE2, Op.TUPLE3][items.length - 1] ?? Op.TUPLE);
    this.remember(items);
  }

  private saveItems(items: readonly unknown[], from = 0, to = items.length): void {
    for (let i = from; i < to; i++) this.within(String(i), items[i]);
  }

  private within(key: string, value: unknown): void {
    this.path.push(key);
    this.save(value);
    this.path.pop();
  }

  private saveList(items: readonly unknown[]): void {
    this.out.opcode(Op.EMPTY_LIST);
    this.remember(items);
    for (const [from, to] of batches(items.length)) {
      if (to - from > 1) this.out.opcode(Op.MARK);
      this.saveItems(items, from, to);
      this.out.opcode(to - from > 1 ? Op.APPENDS : Op.APPEND);
    }
  }

  private saveEntries(map: ReadonlyMap<unknown, unknown>): void {
    const entries = [...map];
    for (const [from, to] of batches(entries.length)) {
      if (to - from > 1) this.out.opcode(Op.MARK);
      for (let i = from; i < to; i++) {
        const [key, value] = entries[i];
        this.save(key);
        this.within(typeof key === "object" ? "(key)" : String(key), value);
      }
      this.out.opcode(to - from > 1 ? Op.SETITEMS : Op.SETITEM);
    }
  }

  private saveDict(identity: object, map: ReadonlyMap<unknown, unknown>): void {
    this.out.opcode(Op.EMPTY_DICT);
    this.remember(identity);
    this.saveEntries(map);
  }

  private saveMap(map: Map<unknown, unknown>) {
    const isOrdered = map instanceof OrderedDict;
    const isStateDict = !isOrdered && !isLoadedDict(map as Map<never, never>) && this.isStateDict(map);
    if (!isOrdered && !isStateDict) return this.saveDict(map, map);
    this.saveGlobal("collections", "OrderedDict");
    this.out.opcode(Op.EMPTY_TUPLE);
    this.out.opcode(Op.REDUCE);
    this.remember(map);
    const outer = this.inStateDict;
    this.inStateDict = isStateDict;
    this.saveEntries(map);
    this.inStateDict = outer;
    const attributes = isOrdered ? map.attributes : versionsOf(map);
    if (attributes.size > 0) this.saveState(attributes);
  }

  private isStateDict(map: ReadonlyMap<unknown, unknown>): boolean {
    for (const [key, value] of map) if (typeof key !== "string" || !this.rules.isTensor(value)) return false;
    return map.size > 0;
  }

  private savePythonObject(object: PythonObject): void {
    const { className, attributes } = object;
    if (!PLAIN_CLASSES.includes(className)) throw this.unsupported(`an object of the class ${className}`);
    const dot = className.lastIndexOf(".");
    this.saveGlobal(className.slice(0, dot), className.slice(dot + 1));
    this.out.opcode(Op.EMPTY_TUPLE);
    this.out.opcode(Op.NEWOBJ);
    this.remember(object);
    this.saveState(attributes);
  }

  private saveState(attributes: ReadonlyMap<unknown, unknown>): void {
    this.saveDict({}, attributes);
    this.out.opcode(Op.BUILD);
  }
}

/** The versions of modules that a module's state dict carries, under the name that torch keeps them by. */
function versionsOf(stateDict: ReadonlyMap<unknown, unknown>): ReadonlyMap<string, unknown> {
  const { metadata } = stateDict as { readonly metadata?: unknown };
  return new Map(metadata instanceof Map ? [["_metadata", metadata]] : []);
}

/** The ranges of the batches that CPython writes; one item alone needs no mark. */
function batches(count: number): [from: number, to: number][] {
  return Array.from({ length: Math.ceil(count / BATCH) }, (_, i) => [BATCH * i, Math.min(BATCH * (i + 1), count)]);
}

/** How Python itself reduces the objects that have no opcode in protocol 2. */
function builtinReduction(object: object): Reduction | undefined {
  const builtin = (name: string, ...args: unknown[]): Reduction => ({
    callee: new GlobalName("__builtin__", name),
    args,
  });
  if (object instanceof Uint8Array)
    return { callee: new GlobalName("_codecs", "encode"), args: [latin1(object), "latin1"] };
  if (object instanceof FrozenSet) return builtin("frozenset", [...object]);
  if (object instanceof Set) return builtin("set", [...object]);
  if (object instanceof Complex) return builtin("complex", new Float(object.re), new Float(object.im));
  if (object instanceof Size) return { callee: new GlobalName("torch", "Size"), args: [Tuple.from([...object])] };
  if (object instanceof TorchDevice)
    return {
      callee: new GlobalName("torch", "device"),
      args: object.index === null ? [object.type] : [object.type, object.index],
    };
  return undefined;
}
