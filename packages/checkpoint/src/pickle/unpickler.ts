/**
 * The pickle machine, protocols 0 to 5, that can only build data.
 *
 * A pickle is a program for a stack machine. Its dangerous opcodes look up a global by name and call it; here a name is
 * looked up in a fixed list of our own (`Environment.findGlobal`), and only what stands there can be called. The machine
 * has no recursion, allocates in proportion to the bytes it has read, and charges what it allocates to a budget.
 */

import { CheckpointError } from "../errors.js";
import type { Budget } from "../limits.js";
import { decodeUtf8 } from "../utf8.js";
import { FrozenSet, newDict, Tuple, tuple } from "../values.js";
import { COST, costOf } from "./cost.js";
import { isHashable } from "./hashable.js";
import { HIGHEST_PROTOCOL, Op } from "./opcodes.js";
import { PickleReader } from "./reader.js";
import { parseRawUnicode, parseStringLiteral } from "./text.js";

/** What a pickle may refer to. */
export interface Environment {
  readonly budget: Budget;
  /** What `module.name` means: a `GlobalReference` or a value. Throws a `forbidden-global` error for all else. */
  findGlobal(module: string, name: string): unknown;
  /** What a persistent id stands for: in torch's files, a storage. */
  persistentLoad(id: unknown): unknown;
  /** Gives an object the state that `BUILD` brings. */
  build(object: unknown, state: unknown): void;
}

/** A class or function of Python that has a meaning here. It is not data: it cannot be part of a result. */
export class GlobalReference {
  constructor(
    /** Full name, as in the file. */
    readonly name: string,
    private readonly run: (args: readonly unknown[], budget: Budget) => unknown,
  ) {}

  /**
   * What calling it, or making an instance of it, gives. Charged for what it looks through and what it makes: a file of
   * a few bytes can have a long list copied, or only read, a million times.
   */
  call(args: readonly unknown[], budget: Budget): unknown {
    for (const arg of args) budget.spend(costOf(arg));
    const result = this.run(args, budget);
    budget.spend(costOf(result));
    return result;
  }
}

const bad = (message: string): CheckpointError => new CheckpointError("bad-pickle", message);

/** Runs the pickle at `position` and returns what it builds, and where it ends. Throws `OutOfBytes` if it goes on. */
export function unpickle(bytes: Uint8Array, environment: Environment, position = 0): { value: unknown; end: number } {
  const reader = new PickleReader(bytes, position);
  const value = new Machine(reader, environment).run();
  return { value, end: reader.position };
}

class Machine {
  private readonly stack: unknown[] = [];
  /** Heights of the stack at each MARK. */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(
    private readonly reader: PickleReader,
    private readonly environment: Environment,
  ) {}

  run(): unknown {
    for (;;) {
      const opcode = this.reader.uint8();
      if (opcode === Op.STOP) return this.pop();
      this.step(opcode);
    }
  }

  private spend(bytes: number): void {
    this.environment.budget.spend(bytes);
  }

  /** The height that the stack may not fall below: the latest mark. */
  private floor(): number {
    return this.marks.length > 0 ? this.marks[this.marks.length - 1] : 0;
  }

  private push(value: unknown): void {
    this.spend(COST.slot);
    this.stack.push(value);
  }

  private pop(): unknown {
    if (this.stack.length <= this.floor()) throw bad("an opcode takes a value from an empty stack");
    return this.stack.pop();
  }

  private top(): unknown {
    if (this.stack.length <= this.floor()) throw bad("an opcode needs a value on an empty stack");
    return this.stack[this.stack.length - 1];
  }

  /** The values since the latest mark, which are taken off with it. */
  private popToMark(): unknown[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw bad("an opcode needs a MARK, and there is none");
    return this.stack.splice(mark);
  }

  private popMany(count: number): unknown[] {
    if (this.stack.length - count < this.floor()) throw bad(`an opcode takes ${count} values from a shorter stack`);
    return this.stack.splice(this.stack.length - count);
  }

  private pushTuple(items: unknown[]): void {
    this.spend(COST.container + COST.slot * items.length);
    this.push(tuple(items as never[]));
  }

  /** UTF-8, of as many bytes as are there: charged once they are, and before they are decoded. */
  private pushUtf8(length: number): void {
    const start = this.reader.position;
    const text = this.decoded(this.reader.slice(length), decodeUtf8);
    if (text === undefined) throw bad(`a string at byte ${start} is not UTF-8`);
    this.push(text);
  }

  private decoded<T>(bytes: Uint8Array, decode: (bytes: Uint8Array) => T): T {
    this.spend(COST.small + 2 * bytes.length);
    return decode(bytes);
  }

  private pushBytes(bytes: Uint8Array): void {
    this.spend(COST.container + bytes.length);
    this.push(bytes.slice());
  }

  /** Python 2's `str`: text where it is UTF-8, as torch reads it, else bytes. */
  private pushPython2String(bytes: Uint8Array): void {
    const text = this.decoded(bytes, decodeUtf8);
    if (text === undefined) this.pushBytes(bytes);
    else this.push(text);
  }

  private pushContainer(container: object): void {
    this.spend(COST.container);
    this.push(container);
  }

  private remember(index: number): void {
    this.spend(COST.entry);
    this.memo.set(index, this.top());
  }

  private recall(index: number): void {
    if (!this.memo.has(index)) throw bad(`memo entry ${index} is read before it is written`);
    this.push(this.memo.get(index));
  }

  private memoIndex(): number {
    const index = this.reader.decimal(false);
    if (typeof index !== "number" || index < 0) throw bad(`${index} is no memo index`);
    return index;
  }

  private append(items: unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list) || list instanceof Tuple) throw bad("items are appended to something that is not a list");
    this.spend(COST.slot * items.length);
    for (const item of items) list.push(item);
  }

  private setItems(items: unknown[]): void {
    const dict = this.top();
    if (!(dict instanceof Map)) throw bad("items are set on something that is not a dict");
    if (items.length % 2 !== 0) throw bad("a dict has a key without a value");
    this.spend(COST.entry * items.length);
    for (let i = 0; i < items.length; i += 2) {
      if (!isHashable(items[i])) throw bad("a list, dict or set cannot be the key of a dict");
      dict.set(items[i], items[i + 1]);
    }
  }

  private addItems(set: unknown, items: unknown[]): void {
    if (!(set instanceof Set)) throw bad("members are added to something that is not a set");
    this.spend(COST.entry * items.length);
    for (const item of items) {
      if (!isHashable(item)) throw bad("a list, dict or set cannot be a member of a set");
      set.add(item);
    }
  }

  private pushGlobal(module: string, name: string): void {
    this.spend(COST.small + 2 * (module.length + name.length));
    this.push(this.environment.findGlobal(module, name));
  }

  /** Calls a global of our list: the only call there is. */
  private call(callee: unknown, args: unknown): void {
    if (!(callee instanceof GlobalReference)) throw bad("something that is not a known function is called");
    if (!(args instanceof Tuple)) throw bad(`the arguments of ${callee.name} are not a tuple`);
    this.push(callee.call(args, this.environment.budget));
  }

  private step(opcode: number) {
    const { reader } = this;
    switch (opcode) {
      case Op.PROTO: {
        const protocol = reader.uint8();
        if (protocol > HIGHEST_PROTOCOL) throw bad(`pickle protocol ${protocol} is not known (0 to 5 are)`);
        return;
      }
      case Op.FRAME: {
        // A frame only promises that so many bytes follow; they are read one opcode at a time as ever.
        reader.length64();
        return;
      }

      case Op.MARK:
        this.spend(COST.slot);
        this.marks.push(this.stack.length);
        return;
      case Op.POP:
        if (this.stack.length > this.floor()) this.stack.pop();
        else this.popToMark();
        return;
      case Op.POP_MARK:
        this.popToMark();
        return;
      case Op.DUP:
        return this.push(this.top());

      case Op.NONE:
        return this.push(null);
      case Op.NEWTRUE:
        return this.push(true);
      case Op.NEWFALSE:
        return this.push(false);
      case Op.BININT:
        return this.push(reader.int32());
      case Op.BININT1:
        return this.push(reader.uint8());
      case Op.BININT2:
        return this.push(reader.uint16());
      case Op.LONG1:
      case Op.LONG4: {
        const length = opcode === Op.LONG1 ? reader.uint8() : reader.int32();
        const value = reader.long(length);
        this.spend(COST.small + length);
        return this.push(value);
      }
      case Op.INT:
      case Op.LONG: {
        const value = reader.decimal(opcode === Op.INT);
        this.spend(COST.small);
        return this.push(value);
      }
      case Op.BINFLOAT:
        this.spend(COST.small);
        return this.push(reader.float64());
      case Op.FLOAT:
        this.spend(COST.small);
        return this.push(reader.decimalFloat());

      case Op.SHORT_BINUNICODE:
        return this.pushUtf8(reader.uint8());
      case Op.BINUNICODE:
        return this.pushUtf8(reader.uint32());
      case Op.BINUNICODE8:
        return this.pushUtf8(reader.length64());
      case Op.UNICODE:
        return this.push(this.decoded(reader.line(), parseRawUnicode));
      case Op.STRING:
        return this.pushPython2String(this.decoded(reader.line(), parseStringLiteral));
      case Op.SHORT_BINSTRING:
        return this.pushPython2String(reader.slice(reader.uint8()));
      case Op.BINSTRING: {
        const length = reader.int32();
        if (length < 0) throw bad("a string has a negative length");
        return this.pushPython2String(reader.slice(length));
      }
      case Op.SHORT_BINBYTES:
        return this.pushBytes(reader.slice(reader.uint8()));
      case Op.BINBYTES:
        return this.pushBytes(reader.slice(reader.uint32()));
      case Op.BINBYTES8:
      case Op.BYTEARRAY8:
        return this.pushBytes(reader.slice(reader.length64()));

      case Op.EMPTY_TUPLE:
        return this.pushTuple([]);
      case Op.TUPLE1:
        return this.pushTuple(this.popMany(1));
      case Op.TUPLE2:
        return this.pushTuple(this.popMany(2));
      case Op.TUPLE3:
        return this.pushTuple(this.popMany(3));
      case Op.TUPLE:
        return this.pushTuple(this.popToMark());
      case Op.EMPTY_LIST:
        return this.pushContainer([]);
      case Op.LIST:
        return this.pushContainer(this.popToMark());
      case Op.APPEND:
        return this.append([this.pop()]);
      case Op.APPENDS:
        return this.append(this.popToMark());
      case Op.EMPTY_DICT:
        return this.pushContainer(newDict());
      case Op.DICT: {
        const items = this.popToMark();
        this.pushContainer(newDict());
        return this.setItems(items);
      }
      case Op.SETITEM:
        return this.setItems(this.popMany(2));
      case Op.SETITEMS:
        return this.setItems(this.popToMark());
      case Op.EMPTY_SET:
        return this.pushContainer(new Set());
      case Op.ADDITEMS: {
        const items = this.popToMark();
        return this.addItems(this.top(), items);
      }
      case Op.FROZENSET: {
        const set = new FrozenSet();
        this.addItems(set, this.popToMark());
        return this.pushContainer(set);
      }

      case Op.BINPUT:
        return this.remember(reader.uint8());
      case Op.LONG_BINPUT:
        return this.remember(reader.uint32());
      case Op.PUT:
        return this.remember(this.memoIndex());
      case Op.MEMOIZE:
        return this.remember(this.memo.size);
      case Op.BINGET:
        return this.recall(reader.uint8());
      case Op.LONG_BINGET:
        return this.recall(reader.uint32());
      case Op.GET:
        return this.recall(this.memoIndex());

      case Op.GLOBAL: {
        const module = reader.lineText();
        return this.pushGlobal(module, reader.lineText());
      }
      case Op.STACK_GLOBAL: {
        const [module, name] = this.popMany(2);
        if (typeof module !== "string" || typeof name !== "string") throw bad("the name of a global is not a string");
        return this.pushGlobal(module, name);
      }
      case Op.REDUCE:
      case Op.NEWOBJ: {
        const [callee, args] = this.popMany(2);
        return this.call(callee, args);
      }
      case Op.NEWOBJ_EX: {
        const [callee, args, named] = this.popMany(3);
        if (!(named instanceof Map) || named.size > 0) throw bad("an object is made with named arguments");
        return this.call(callee, args);
      }
      case Op.INST: {
        const module = reader.lineText();
        const callee = this.environment.findGlobal(module, reader.lineText());
        return this.call(callee, tuple(this.popToMark() as never[]));
      }
      case Op.OBJ: {
        const [callee, ...args] = this.popToMark();
        return this.call(callee, tuple(args as never[]));
      }
      case Op.BUILD: {
        const state = this.pop();
        this.spend(costOf(state));
        return this.environment.build(this.top(), state);
      }
      case Op.BINPERSID:
        return this.push(this.environment.persistentLoad(this.pop()));

      case Op.PERSID:
        throw bad("a persistent id of protocol 0 (text) is not what torch writes");
      case Op.EXT1:
      case Op.EXT2:
      case Op.EXT4:
        throw bad("an extension code refers to a registry of the program that wrote it");
      case Op.NEXT_BUFFER:
      case Op.READONLY_BUFFER:
        throw bad("out-of-band buffers are not in the file");
      default:
        throw bad(`opcode 0x${opcode.toString(16).padStart(2, "0")} at byte ${reader.position - 1} is not known`);
    }
  }
}
