/** A growing buffer that knows how pickle opcodes write their arguments. */

import { Op } from "./opcodes.js";

export class PickleWriter {
  private buffer = new Uint8Array(4096);
  private view = new DataView(this.buffer.buffer);
  private length = 0;

  /** Makes room for `count` bytes and returns where they begin. */
  private grow(count: number): number {
    const start = this.length;
    this.length += count;
    if (this.length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(2 * this.buffer.length, this.length));
      larger.set(this.buffer);
      this.buffer = larger;
      this.view = new DataView(larger.buffer);
    }
    return start;
  }

  /** What has been written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.buffer.slice(0, this.length);
  }

  opcode(opcode: number): void {
    this.uint8(opcode);
  }

  uint8(value: number): void {
    const at = this.grow(1);
    this.buffer[at] = value;
  }

  uint32(value: number): void {
    const at = this.grow(4);
    this.view.setUint32(at, value, true);
  }

  float(value: number): void {
    this.opcode(Op.BINFLOAT);
    const at = this.grow(8);
    this.view.setFloat64(at, value, false);
  }

  bytes(bytes: Uint8Array): void {
    const at = this.grow(bytes.length);
    this.buffer.set(bytes, at);
  }

  /** An opcode with an index of one byte, or its long form. */
  indexed(short: number, long: number, index: number): void {
    this.opcode(index < 256 ? short : long);
    if (index < 256) this.uint8(index);
    else this.uint32(index);
  }

  /** An int in the shortest form. */
  integer(value: bigint): void {
    if (value >= 0n && value < 256n) {
      this.opcode(Op.BININT1);
      this.uint8(Number(value));
    } else if (value >= 0n && value < 65536n) {
      this.opcode(Op.BININT2);
      this.uint8(Number(value) & 255);
      this.uint8(Number(value) >> 8);
    } else if (value === BigInt.asIntN(32, value)) {
      this.opcode(Op.BININT);
      this.uint32(Number(value) >>> 0);
    } else this.long(value);
  }

  /** An int of any length, in two's complement without needless bytes. */
  private long(value: bigint): void {
    const magnitude = value < 0n ? -value - 1n : value;
    const length = Math.floor(magnitude.toString(2).length / 8) + 1;
    this.opcode(length < 256 ? Op.LONG1 : Op.LONG4);
    if (length < 256) this.uint8(length);
    else this.uint32(length);
    const digits = BigInt.asUintN(8 * length, value)
      .toString(16)
      .padStart(2 * length, "0");
    for (let i = length - 1; i >= 0; i--) this.uint8(Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
  }
}
