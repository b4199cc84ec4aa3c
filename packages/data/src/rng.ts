/**
 * Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011).
 *
 * A number is a pure function of a key and a counter, so what a sample draws depends on who it is (seed, epoch,
 * index) and never on which worker loads it or what was drawn before it.
 */

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** The upper 32 bits of the product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/** One block of Philox 4x32-10: four unsigned 32-bit integers from a 128-bit counter and a 64-bit key. */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = mulHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = mulHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1 >>> 0, (high0 ^ c3 ^ k1) >>> 0, low0 >>> 0];
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Which sequence of a seed is meant; every part is an unsigned 32-bit integer and 0 by default. */
export interface RngPosition {
  /** The pass over the data. */
  readonly epoch?: number;
  /** The sample within the data set. */
  readonly index?: number;
  /** The use: 0 for the augmentation of samples, other values for independent sequences of the same sample. */
  readonly stream?: number;
}

/**
 * A stream of random numbers at one place (seed, epoch, index, stream). Two generators at the same place give the same
 * numbers on every machine; generators at different places are independent.
 */
export class Rng {
  readonly #key: [number, number];
  readonly #position: Required<RngPosition>;
  #block = 0;
  #words: readonly number[] = [];
  #spareNormal: number | undefined;

  /** @param seed any safe integer; its lower 64 bits (two's complement) are the key. */
  constructor(seed: number, position: RngPosition = {}) {
    this.#key = [seed >>> 0, Math.floor(seed / 0x1_0000_0000) >>> 0];
    this.#position = { epoch: position.epoch ?? 0, index: position.index ?? 0, stream: position.stream ?? 0 };
  }

  /** An integer in [0, 2³²). */
  uint32(): number {
    const lane = this.#block & 3;
    if (lane === 0) {
      const { epoch, index, stream } = this.#position;
      this.#words = philox4x32([this.#block >>> 2, index >>> 0, epoch >>> 0, stream >>> 0], this.#key);
    }
    this.#block++;
    return this.#words[lane];
  }

  /** A number in [low, high), with 53 random bits. */
  uniform(low = 0, high = 1): number {
    const unit = ((this.uint32() >>> 5) * 0x400_0000 + (this.uint32() >>> 6)) / 0x20_0000_0000_0000;
    return low + (high - low) * unit;
  }

  /** An integer in [0, bound), each equally likely; `bound` is at most 2³². */
  int(bound: number): number {
    const fair = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    let word = this.uint32();
    while (word >= fair) word = this.uint32();
    return word % bound;
  }

  /** A number from the standard normal distribution (Box and Muller). */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** The integers 0 … n-1 in random order (Fisher and Yates). */
  permutation(n: number): number[] {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let last = n - 1; last > 0; last--) {
      const pick = this.int(last + 1);
      [order[last], order[pick]] = [order[pick], order[last]];
    }
    return order;
  }
}
