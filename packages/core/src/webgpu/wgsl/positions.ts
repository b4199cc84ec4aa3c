/** Texts of positions: what a linear number means in several dimensions. */

/** Numbers of dimensions, and the names of positions along them: `i0`, `i1`, … */
export const positionName = (dimension: number): string => `i${dimension}`;

/** Remembers which positions a text asks for, so that only those are computed. */
export class Positions {
  private readonly asked = new Set<number>();

  /** The name of the position along a dimension, an i32. */
  readonly position = (dimension: number): string => {
    this.asked.add(dimension);
    return positionName(dimension);
  };

  /** Statements that take a linear number (text of a u32) apart into the positions asked for, the last dimension
   *  fastest. `first` is the number of the first of these dimensions. */
  unravel(index: string, sizes: readonly number[], first: number): string[] {
    let below = 1;
    const lines: string[] = [];
    for (let d = sizes.length - 1; d >= 0; d--) {
      const above = below === 1 ? index : `${index} / ${below}u`;
      const name = positionName(first + d);
      const at = sizes[d] === 1 ? "0" : `i32(${d > 0 ? `${above} % ${sizes[d]}u` : above})`;
      if (this.asked.has(first + d)) lines.unshift(`let ${name} = ${at};`);
      below *= sizes[d];
    }
    return lines;
  }
}
