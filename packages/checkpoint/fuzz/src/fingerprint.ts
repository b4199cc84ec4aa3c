/** A text that is equal for equal values, sharing included: what is saved and loaded again must keep it. */

import { createHash } from "node:crypto";
import { Tensor } from "@kindling/core";

/** The fingerprint of a loaded value. Its length is linear in the value, however often parts of it occur. */
export function fingerprint(value: unknown): string {
  const known = new Map<object, number>();
  const write = (part: unknown): string => {
    if (typeof part === "number") return Object.is(part, -0) ? "-0" : String(part);
    if (typeof part === "string") return JSON.stringify(part);
    if (typeof part === "bigint") return `${part}n`;
    if (typeof part !== "object" || part === null) return String(part);
    const seen = known.get(part);
    if (seen !== undefined) return `#${seen}`;
    // An empty tuple is one object in Python, however often it was made.
    if (Array.isArray(part) && part.length === 0) return `${part.constructor.name}()`;
    known.set(part, known.size);
    if (part instanceof Tensor) return describeTensor(part);
    if (part instanceof Uint8Array) return `bytes ${Buffer.from(part).toString("hex")}`;
    const items = [...contents(part)].map(write);
    return `${part.constructor.name}(${items.join(",")})`;
  };
  return write(value);
}

/** What is inside, and what an object has beside it. */
function* contents(container: object): Generator<unknown> {
  if (Array.isArray(container)) return yield* container;
  if (container instanceof Map) for (const entry of container) yield* entry;
  if (container instanceof Set) yield* container;
  for (const [name, value] of Object.entries(container)) {
    yield name;
    yield value;
  }
}

function describeTensor(tensor: Tensor): string {
  const data = tensor.hostData();
  if (!data) throw new Error("a loaded tensor has no data on the host");
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const digest = createHash("sha1").update(bytes).digest("hex");
  return `${tensor.dtype}[${tensor.shape}]${tensor.requiresGrad ? "!" : ""} ${digest}`;
}
