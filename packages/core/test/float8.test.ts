/** The 8-bit floats, which are only kept: every bit pattern stands for the number that ml_dtypes says. */

import { readFileSync } from "node:fs";
import { type DType, fromHost } from "@kindling/core";
import { expect, it } from "vitest";

const tables = JSON.parse(readFileSync(new URL("./recorded/float8.json", import.meta.url), "utf8")) as Record<
  string,
  string
>;

const NOT_FINITE = new Map([
  ["inf", Infinity],
  ["-inf", -Infinity],
  ["nan", Number.NaN],
]);

for (const [dtype, table] of Object.entries(tables)) {
  it(dtype, async () => {
    const bits = Uint8Array.from({ length: 256 }, (_, i) => i);
    const numbers = table.split(" ").map((entry) => NOT_FINITE.get(entry) ?? Number(entry));
    expect(await fromHost(bits, [256], dtype as DType).toArray()).toEqual(numbers);
  });
}
