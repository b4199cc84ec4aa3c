/** Values as Python prints them, so that a printed model reads like the same model printed by PyTorch. */

export type Printable = number | boolean | string | null | readonly Printable[];

/** A float: `1.0`, `0.1`, `1e-05`. */
export function pyFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const magnitude = Math.abs(value);
  if (value !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    const [mantissa, exponent] = value.toExponential().split("e");
    const digits = exponent.slice(1).padStart(2, "0");
    return `${mantissa}e${exponent[0]}${digits}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** Anything else: `True`, `None`, `3`, `(2, 2)`. Strings are printed bare, as in torch's layer descriptions. */
export function py(value: Printable): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "object") return `(${value.map(py).join(", ")}${value.length === 1 ? "," : ""})`;
  return typeof value === "number" && !Number.isInteger(value) ? pyFloat(value) : String(value);
}
