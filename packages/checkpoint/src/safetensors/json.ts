/**
 * Reads JSON in the order of the text, and strictly. `JSON.parse` takes the last of two equal keys where other readers
 * take the first, sorts keys that look like numbers to the front, and reads 1.0 and 1e0 as the integer 1: with it, a
 * header could mean one thing here and another elsewhere.
 */

import { CheckpointError } from "../errors.js";
import type { Budget } from "../limits.js";
import { printable, quoted } from "../printable.js";

/** Deepest nesting of a value that is passed over; that of `serde_json`. */
const MAX_DEPTH = 128;

/** Estimates of the engine's bytes, erring high. */
const STRING_BYTES = 32;
const KEY_BYTES = 64;
const NUMBER_BYTES = 16;

const SPACE = /[ \t\n\r]*/y;
const NATURAL = /(?:0|[1-9]\d*)(?![\d.eE])/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const LONE_SURROGATE = /\p{Cs}/u;

const [QUOTE, BACKSLASH, FIRST_PRINTABLE] = [0x22, 0x5c, 0x20];

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A place in a JSON text that moves forward with every value that is read. */
export class JsonReader {
  private readonly text: string;
  private at = 0;

  /** @param what the text in messages, with the name of its file */
  constructor(
    bytes: Uint8Array,
    private readonly what: string,
    private readonly budget: Budget,
  ) {
    // A character takes two bytes at most, beside the one that it was made of.
    budget.spend(3 * bytes.length);
    try {
      this.text = strict.decode(bytes);
    } catch (cause) {
      throw new CheckpointError("safetensors", `${what} is not UTF-8`, { cause });
    }
  }

  /** The keys of an object; the value of each is to be read before the next is asked for. Refuses a key given twice. */
  *keys(): Generator<string> {
    const seen = new Set<string>();
    for (const _ of this.members("{", "}")) {
      const key = this.string();
      if (seen.has(key)) throw this.refusal(`the key ${quoted(key)} is there twice`);
      this.budget.spend(KEY_BYTES);
      seen.add(key);
      this.expect(":");
      yield key;
    }
  }

  string(): string {
    this.expect('"');
    const begin = this.at;
    let escaped = false;
    for (let code = this.text.charCodeAt(begin); code !== QUOTE; code = this.text.charCodeAt(this.at)) {
      if (!(code >= FIRST_PRINTABLE)) throw this.unexpected("a string");
      if (code === BACKSLASH) escaped = true;
      this.at += code === BACKSLASH ? 2 : 1;
    }
    this.budget.spend(STRING_BYTES + 2 * (this.at - begin));
    const inside = this.text.slice(begin, this.at);
    this.at++;
    return escaped ? this.unescape(inside) : inside;
  }

  /** A list of integers from 0 to 2^53 − 1, written as such. */
  naturals(): number[] {
    const list: number[] = [];
    for (const _ of this.members("[", "]")) list.push(this.natural());
    return list;
  }

  /** Passes over a value of any kind. */
  skip(depth = 0): void {
    if (depth > MAX_DEPTH) throw this.refusal(`is nested more than ${MAX_DEPTH} deep`);
    if (this.isNext("{")) for (const _ of this.keys()) this.skip(depth + 1);
    else if (this.isNext("[")) for (const _ of this.members("[", "]")) this.skip(depth + 1);
    else if (this.isNext('"')) this.string();
    else if (this.match(WORD) === undefined && this.match(NUMBER) === undefined) throw this.unexpected("a value");
  }

  /** Says that nothing but blanks follows. */
  end(): void {
    this.match(SPACE);
    if (this.at < this.text.length) throw this.unexpected("the end");
  }

  private *members(open: "{" | "[", close: "}" | "]"): Generator<void> {
    this.expect(open);
    if (this.isNext(close)) this.at++;
    else
      for (;;) {
        yield;
        if (!this.isNext(",")) return this.expect(close);
        this.at++;
      }
  }

  private natural(): number {
    this.match(SPACE);
    const digits = this.match(NATURAL);
    const number = Number(digits);
    if (!Number.isSafeInteger(number)) throw this.unexpected("an integer from 0 to 2^53 - 1");
    this.budget.spend(NUMBER_BYTES);
    return number;
  }

  private unescape(inside: string): string {
    let text: string;
    try {
      text = JSON.parse(`"${inside}"`) as string;
    } catch (cause) {
      throw this.refusal(`the string ${quoted(inside)} has an unknown escape`, cause);
    }
    if (LONE_SURROGATE.test(text)) throw this.refusal(`the string ${quoted(text)} has half of a character`);
    return text;
  }

  private isNext(character: string): boolean {
    this.match(SPACE);
    return this.text[this.at] === character;
  }

  private expect(character: string): void {
    if (!this.isNext(character)) throw this.unexpected(character);
    this.at++;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  private unexpected(expected: string): CheckpointError {
    const rest = this.text.slice(this.at, this.at + 20);
    return this.refusal(`${expected} is expected at character ${this.at}, not ${printable(rest) || "the end"}`);
  }

  private refusal(why: string, cause?: unknown): CheckpointError {
    return new CheckpointError("safetensors", `${this.what}: ${why}`, { cause });
  }
}
