/** What a file says, made fit for a message: short, and without characters that a terminal would act on. */

/** Controls (escape sequences), what changes the direction of text, what cannot be seen, halves of characters. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

const escaped = (character: string): string => `\\u{${(character.codePointAt(0) as number).toString(16)}}`;

/** Text that may be of any length and come from anyone. */
export function printable(text: string, longest = 200): string {
  const shown = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return shown.replace(UNPRINTABLE, escaped);
}

/** The same in quotes. */
export const quoted = (text: string, longest = 200): string =>
  printable(JSON.stringify(text.slice(0, longest + 1)), longest + 2);
