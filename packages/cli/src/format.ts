/** Numbers and tables for the terminal. */

import Table from "cli-table3";

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

/** A table with a rule under its titles; numbers are aligned to the right. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const none = Object.fromEntries(
    ["top-mid", "top-left", "top-right", "bottom-mid", "bottom-left", "bottom-right", "left", "right"].map((part) => [
      part,
      "",
    ]),
  );
  const drawn = new Table({
    head: columns.map(({ title }) => title),
    colAligns: columns.map(({ align = "left" }) => align),
    chars: { ...none, top: "", bottom: "", middle: "  ", mid: "", "mid-mid": "", "left-mid": "", "right-mid": "" },
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 0 },
  });
  drawn.push(...rows.map((row) => [...row]));
  return drawn.toString();
}
