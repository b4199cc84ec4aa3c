/** Patterns of names, as those of Python's fnmatch: `*`, `?`, `[a-c]`, `[!a-c]`; the case of letters matters. */

/** One place of a pattern: any number of characters, or a test of one. */
type Part = "*" | ((char: string) => boolean);

/** Whether the whole of `name` fits `pattern`. */
export function fnmatch(name: string, pattern: string): boolean {
  const parts = parse([...pattern]);
  const chars = [...name];
  // Where to go on if what follows the last star does not fit: the star takes one character more.
  let star = -1;
  let taken = 0;
  let p = 0;
  for (let c = 0; c < chars.length || p < parts.length; ) {
    const part = parts[p];
    if (part === "*") {
      star = p++;
      taken = c;
    } else if (part && c < chars.length && part(chars[c])) {
      p++;
      c++;
    } else if (star >= 0 && taken < chars.length) {
      p = star + 1;
      c = ++taken;
    } else return false;
  }
  return true;
}

function parse(pattern: readonly string[]): Part[] {
  const parts: Part[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i];
    // The first character of a set is in it, also a closing bracket.
    const first = pattern[i + 1] === "!" ? i + 2 : i + 1;
    const close = char === "[" ? pattern.indexOf("]", first + 1) : -1;
    if (char === "*") parts.push("*");
    else if (char === "?") parts.push(() => true);
    else if (close < 0) parts.push((other) => other === char);
    else {
      const holds = set(pattern.slice(first, close));
      parts.push(first === i + 2 ? (other) => !holds(other) : holds);
      i = close;
    }
  }
  return parts;
}

/** Whether a character is one of `members`, or in one of their ranges `a-c`; a range from high to low is empty. */
function set(members: readonly string[]): (char: string) => boolean {
  const ranges: [low: string, high: string][] = [];
  for (let i = 0; i < members.length; i++) {
    const isRange = members[i + 1] === "-" && i + 2 < members.length;
    ranges.push([members[i], members[isRange ? i + 2 : i]]);
    if (isRange) i += 2;
  }
  const code = (char: string): number => char.codePointAt(0)!;
  return (char) => ranges.some(([low, high]) => code(low) <= code(char) && code(char) <= code(high));
}
