/** Numbers and tables for the terminal. */

/** 0.8275 → "82.8 %" */
export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** 1234567 → "1,234,567" */
export const whole = (value: number): string => value.toLocaleString("en-US");

/** Seconds as a person says them: "0.4 s", "42 s", "3 min 20 s", "2 h 5 min". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const total = Math.round(seconds);
  if (total < 60) return `${total} s`;
  if (total < 3600) return `${Math.floor(total / 60)} min ${total % 60} s`;
  return `${Math.floor(total / 3600)} h ${Math.floor((total % 3600) / 60)} min`;
}

/** Bytes in binary units: "1.4 MiB". */
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(Math.floor(Math.log2(count) / 10), units.length);
  return `${(count / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}

/** [64, 3, 7, 7] → "[64, 3, 7, 7]" */
export const shape = (sizes: readonly number[]): string => `[${sizes.join(", ")}]`;

/** Text that comes from a file: without what a terminal would act on, and what changes the direction of text. */
export const printable = (text: string): string =>
  text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`);

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** A table: titles, then rows, in columns two spaces apart. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, i) => lines.reduce((width, line) => Math.max(width, lengthOf(line[i])), 0));
  const cell = (text: string, i: number): string => {
    const space = " ".repeat(widths[i] - lengthOf(text));
    return columns[i].align === "right" ? space + text : text + space;
  };
  return lines.map((line) => line.map(cell).join("  ").trimEnd()).join("\n");
}

/** Characters, as a person counts them. */
const lengthOf = (text: string): number => (/^[ -~]*$/.test(text) ? text.length : [...graphemes.segment(text)].length);

const graphemes = new Intl.Segmenter("en");
