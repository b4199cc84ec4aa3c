/** The parameter block of a kernel under construction: numbers that are known, and those that the device fills in. */

import type { CpuAddress, CpuStage } from "./kernel.js";

const bits = new DataView(new ArrayBuffer(4));

/** The bits of an f32, as an i32. */
export function f32Bits(value: number): number {
  bits.setFloat32(0, value);
  return bits.getInt32(0);
}

export class Params {
  private readonly words: number[] = [];
  readonly addresses: CpuAddress[] = [];
  readonly uniforms: { word: number; slot: number }[] = [];
  private readonly slots = new Map<number, number>();

  /** A word that holds `value`. */
  word(value: number): number {
    return this.words.push(value) - 1;
  }

  /** A word that will hold the address of the buffer plus `byteOffset`. */
  address(buffer: CpuAddress["buffer"], byteOffset: number): number {
    const word = this.word(0);
    this.addresses.push({ word, buffer, byteOffset });
    return word;
  }

  /** The word that will hold the plan's uniform `slot`. */
  uniform(slot: number): number {
    let word = this.slots.get(slot);
    if (word === undefined) {
      word = this.word(0);
      this.slots.set(slot, word);
      this.uniforms.push({ word, slot });
    }
    return word;
  }

  /** The parts of a `CpuStage` that come from here. */
  finish(): Pick<CpuStage, "params" | "addresses" | "uniforms"> {
    return { params: Int32Array.from(this.words), addresses: this.addresses, uniforms: this.uniforms };
  }
}
