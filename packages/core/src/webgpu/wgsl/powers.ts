/** Powers of two, in which lanes and workgroups come. */

/** The largest that is at most `n`; 1 for what is smaller. */
export const powerBelow = (n: number): number => 2 ** Math.floor(Math.log2(Math.max(n, 1)));

/** The smallest that is at least `n`. */
export const powerAbove = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(n, 1)));
