/** Dates and times of Python's `datetime`: as text, in the form of Python's `isoformat()`; durations in seconds. */

import { CheckpointError } from "../errors.js";
import { bytesOf, checkCount, describe, integer, text } from "./arguments.js";

const bad = (message: string): CheckpointError => new CheckpointError("bad-pickle", message);

/** A `datetime.timezone` on the stack of the pickle machine: its offset from UTC in seconds. */
export class TimeZone {
  constructor(readonly seconds: number) {}
}

const two = (number: number): string => String(number).padStart(2, "0");

/** The packed fields of a date or time. */
function packed(args: readonly unknown[], length: number, what: string): Uint8Array {
  checkCount(args, 1, 2, what);
  const bytes = bytesOf(args[0], `what ${what} is made from`);
  if (bytes.length !== length) throw bad(`${what} is made from ${bytes.length} bytes, not from ${length}`);
  return bytes;
}

function dateText(bytes: Uint8Array): string {
  const [century, year, month, day] = bytes;
  // The highest bit of the month is Python's "fold", which of two equal clock times is meant.
  return `${String(256 * century + year).padStart(4, "0")}-${two(month & 127)}-${two(day)}`;
}

function timeText([hour, minute, second, high, middle, low]: Uint8Array): string {
  const micros = 65536 * high + 256 * middle + low;
  const fraction = micros === 0 ? "" : `.${String(micros).padStart(6, "0")}`;
  return `${two(hour & 127)}:${two(minute)}:${two(second)}${fraction}`;
}

/** `+02:00`; empty for a time that belongs to no zone. */
function zoneText(zone: unknown, what: string): string {
  if (zone === undefined) return "";
  if (!(zone instanceof TimeZone)) throw bad(`${what} has ${describe(zone)} as its time zone`);
  const seconds = Math.abs(zone.seconds);
  const sign = zone.seconds < 0 ? "-" : "+";
  const rest = seconds % 60 === 0 ? "" : `:${two(seconds % 60)}`;
  return `${sign}${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}${rest}`;
}

/** `timedelta(days, seconds, microseconds)` in seconds. */
function seconds(args: readonly unknown[]): number {
  checkCount(args, 3, 3, "datetime.timedelta");
  const [days, rest, micros] = args.map((arg) => integer(arg, "a part of datetime.timedelta"));
  return 86400 * days + rest + micros / 1e6;
}

type Call = (args: readonly unknown[]) => unknown;

export const DATE_CALLS: readonly (readonly [name: string, call: Call])[] = [
  ["datetime.date", (args) => dateText(packed(args, 4, "datetime.date"))],
  ["datetime.time", (args) => timeText(packed(args, 6, "datetime.time")) + zoneText(args[1], "datetime.time")],
  [
    "datetime.datetime",
    (args) => {
      const bytes = packed(args, 10, "datetime.datetime");
      return `${dateText(bytes)}T${timeText(bytes.subarray(4))}${zoneText(args[1], "datetime.datetime")}`;
    },
  ],
  ["datetime.timedelta", seconds],
  [
    "datetime.timezone",
    (args) => {
      checkCount(args, 1, 2, "datetime.timezone");
      if (typeof args[0] !== "number") throw bad(`datetime.timezone is made from ${describe(args[0])}`);
      if (args.length > 1) text(args[1], "the name of datetime.timezone");
      return new TimeZone(args[0]);
    },
  ],
];
