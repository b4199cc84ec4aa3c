/** The byte sink of the assembler: WebAssembly's binary encodings of integers, floats and names. */

const scratch = new DataView(new ArrayBuffer(16));

export class Bytes {
  private data = new Uint8Array(256);
  length = 0;

  private room(more: number): void {
    if (this.length + more <= this.data.length) return;
    const grown = new Uint8Array(Math.max(this.data.length * 2, this.length + more));
    grown.set(this.data);
    this.data = grown;
  }

  u8(byte: number): this {
    this.room(1);
    this.data[this.length++] = byte;
    return this;
  }

  /** Unsigned LEB128 of a 32-bit value. */
  u32(value: number): this {
    let v = value >>> 0;
    while (v >= 0x80) {
      this.u8((v & 0x7f) | 0x80);
      v >>>= 7;
    }
    return this.u8(v);
  }

  /** Signed LEB128 of a 32-bit value; unsigned ones are taken modulo 2³². */
  s32(value: number): this {
    let v = value | 0;
    while (v < -64 || v > 63) {
      this.u8((v & 0x7f) | 0x80);
      v >>= 7;
    }
    return this.u8(v & 0x7f);
  }

  /** Signed LEB128 of a 64-bit value. */
  s64(value: bigint): this {
    let v = BigInt.asIntN(64, value);
    while (v < -64n || v > 63n) {
      this.u8(Number(v & 0x7fn) | 0x80);
      v >>= 7n;
    }
    return this.u8(Number(v & 0x7fn));
  }

  f32(value: number): this {
    scratch.setFloat32(0, value, true);
    return this.fixed(4);
  }

  f64(value: number): this {
    scratch.setFloat64(0, value, true);
    return this.fixed(8);
  }

  /** Four 32-bit lanes, lane 0 first. */
  lanes(values: readonly number[]): this {
    values.forEach((v, i) => {
      scratch.setInt32(4 * i, v, true);
    });
    return this.fixed(16);
  }

  private fixed(count: number): this {
    for (let i = 0; i < count; i++) this.u8(scratch.getUint8(i));
    return this;
  }

  name(text: string): this {
    const utf8 = new TextEncoder().encode(text);
    return this.u32(utf8.length).raw(utf8);
  }

  raw(bytes: Uint8Array): this {
    this.room(bytes.length);
    this.data.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  /** Appends `other` with its length before it, as sections and function bodies are. */
  sized(other: Bytes): this {
    return this.u32(other.length).raw(other.view());
  }

  view(): Uint8Array {
    return this.data.subarray(0, this.length);
  }
}
