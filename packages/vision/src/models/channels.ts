/** Channel counts that hardware likes. */

/** `value` rounded to a multiple of `divisor`, at least one of them and never more than 10 % below `value`. */
export function makeDivisible(value: number, divisor: number): number {
  const rounded = Math.max(divisor, Math.floor((value + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * value ? rounded + divisor : rounded;
}
