/** Reads the arguments of pickle opcodes from bytes, and says so when they end too early. */

import { CheckpointError } from "../errors.js";
import { decodeUtf8 } from "../utf8.js";
import { latin1 } from "./text.js";

/** The bytes at hand end inside the pickle; there may be more in the file. */
export class OutOfBytes extends Error {
  constructor(
    /** Position that the bytes would have to reach. */
    readonly needed: number,
  ) {
    super("the pickle ends before its STOP opcode");
  }
}

/** Longest integer, in bytes; Python has no bound, but nothing real comes near. */
const LONGEST_INTEGER = 1 << 16;

/** Longest integer or float in decimal, in digits: what is read in more than linear time is kept short. */
const LONGEST_DECIMAL = 4300;

const bad = (message: string): CheckpointError => new CheckpointError("bad-pickle", message);

export class PickleReader {
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    public position = 0,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves over `length` bytes and returns where they begin. */
  private advance(length: number): number {
    const start = this.position;
    if (start + length > this.bytes.length) throw new OutOfBytes(start + length);
    this.position = start + length;
    return start;
  }

  uint8(): number {
    if (this.position >= this.bytes.length) throw new OutOfBytes(this.position + 1);
    return this.bytes[this.position++];
  }

  uint16(): number {
    return this.view.getUint16(this.advance(2), true);
  }

  int32(): number {
    return this.view.getInt32(this.advance(4), true);
  }

  uint32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  /** A length of eight bytes; one beyond 2^53 cannot be true. */
  length64(): number {
    const length = this.view.getBigUint64(this.advance(8), true);
    if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw bad(`a value claims ${length} bytes`);
    return Number(length);
  }

  float64(): number {
    return this.view.getFloat64(this.advance(8), false);
  }

  /** Bytes inside the pickle, not copied. */
  slice(length: number): Uint8Array {
    const start = this.advance(length);
    return this.bytes.subarray(start, start + length);
  }

  /** The bytes up to the next line feed, which is skipped. */
  line(): Uint8Array {
    const end = this.bytes.indexOf(10, this.position);
    if (end < 0) throw new OutOfBytes(this.bytes.length + 1);
    const line = this.bytes.subarray(this.position, end);
    this.position = end + 1;
    return line;
  }

  /** A line of UTF-8. */
  lineText(): string {
    const text = decodeUtf8(this.line());
    if (text === undefined) throw bad(`a line that ends at byte ${this.position} is not UTF-8`);
    return text;
  }

  /** A line that holds a number. */
  private digits(what: string): string {
    const line = this.line();
    if (line.length > LONGEST_DECIMAL)
      throw new CheckpointError("limit", `${what} of ${line.length} digits is longer than ${LONGEST_DECIMAL}`);
    return latin1(line);
  }

  /** A little-endian two's complement integer. */
  long(length: number): number | bigint {
    if (length < 0) throw bad("an integer has a negative length");
    if (length > LONGEST_INTEGER)
      throw new CheckpointError("limit", `an integer of ${length} bytes is longer than ${LONGEST_INTEGER}`);
    const bytes = this.slice(length);
    if (length === 0) return 0;
    let hex = "0x";
    for (let i = length - 1; i >= 0; i--) hex += bytes[i].toString(16).padStart(2, "0");
    return narrow(BigInt.asIntN(8 * length, BigInt(hex)));
  }

  /** A decimal integer on a line of its own, perhaps with Python 2's trailing L; `01` and `00` are booleans in INT. */
  decimal(booleans: boolean): number | bigint | boolean {
    const text = this.digits("an integer");
    if (booleans && (text === "00" || text === "01")) return text === "01";
    if (!/^[+-]?\d+L?$/.test(text)) throw bad(`${JSON.stringify(text.slice(0, 40))} is no integer`);
    return narrow(BigInt(text.replace(/^\+|L$/g, "")));
  }

  /** A decimal float on a line of its own. */
  decimalFloat(): number {
    const text = this.digits("a float");
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
    const special = /^([+-]?)(nan|inf|infinity)$/i.exec(text);
    if (!special) throw bad(`${JSON.stringify(text.slice(0, 40))} is no float`);
    const magnitude = special[2].toLowerCase() === "nan" ? Number.NaN : Infinity;
    return special[1] === "-" ? -magnitude : magnitude;
  }
}

/** A number where it is exact, else the bigint. */
export function narrow(value: bigint): number | bigint {
  return value >= -BigInt(Number.MAX_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
