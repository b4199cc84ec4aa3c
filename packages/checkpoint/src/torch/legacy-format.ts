/**
 * torch's first binary format (before 1.6): four pickles (magic number, protocol version, system, value), a pickled list
 * of storage keys, then for each key its length (8 bytes) and its bytes. Whatever the machine that wrote it, lengths and
 * numbers are little-endian: torch's writer sees to that.
 */

import { type DType, dtypeInfo } from "@kindling/core";
import { CheckpointError } from "../errors.js";
import { type Budget, type LoadLimits, objectBudget } from "../limits.js";
import { OutOfBytes } from "../pickle/reader.js";
import { type Environment, unpickle } from "../pickle/unpickler.js";
import { quoted } from "../printable.js";
import { type ByteSource, readRange } from "../source.js";
import { Tuple } from "../values.js";
import { describe, integer } from "./arguments.js";
import { plainEnvironment, type StorageClaim, torchEnvironment } from "./environment.js";
import { type Storage, StorageReference } from "./stored-tensor.js";

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/** The number of elements in front of each storage. */
const LENGTH_BYTES = 8;

/** First guess at the length of a pickle; the length is written nowhere. */
const FIRST_WINDOW = 2 ** 16;

/** A storage whose place is found once the pickle of the value has been read. */
class LegacyStorage implements Storage {
  readonly bigEndian = false;
  /** Where its bytes begin. */
  offset = -1;

  constructor(
    readonly key: string,
    /** Elements; bytes where there is no dtype. */
    readonly length: number,
    readonly dtype: DType | null,
    private readonly source: ByteSource,
  ) {}

  get bytes(): number {
    return this.length * (this.dtype === null ? 1 : dtypeInfo(this.dtype).bytes);
  }

  get position(): number {
    return this.offset;
  }

  /** The length in front of the bytes is checked when they are read: looking for it would be a read for each storage. */
  async read(): Promise<Uint8Array<ArrayBuffer>> {
    const { name } = this.source;
    const [start, length] = [this.offset - LENGTH_BYTES, LENGTH_BYTES + this.bytes];
    const bytes = await readRange(this.source, start, length, `storage ${quoted(this.key)}`);
    const elements = new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true);
    if (elements !== BigInt(this.length))
      throw new CheckpointError(
        "storage-size",
        `${name}: storage ${quoted(this.key)} has ${elements} elements, the pickle says ${this.length}`,
      );
    return bytes.subarray(LENGTH_BYTES);
  }
}

/** Reads the pickles and where the storages are; storages are read when they are used. */
export async function readLegacyFormat(source: ByteSource, limits: Required<LoadLimits>): Promise<unknown> {
  const budget = objectBudget(source.name, limits);
  const magic = await readPickle(source, 0, budget, plainEnvironment);
  if (magic.value !== MAGIC)
    throw new CheckpointError(
      "not-a-checkpoint",
      `${source.name}: is a pickle, but not one of torch.save (its magic number is missing)`,
    );
  const protocol = await readPickle(source, magic.end, budget, plainEnvironment);
  if (protocol.value !== PROTOCOL)
    throw new CheckpointError(
      "unsupported",
      `${source.name}: format ${describe(protocol.value)}, expected ${PROTOCOL}`,
    );
  const system = await readPickle(source, protocol.end, budget, plainEnvironment);

  let storages = new Map<string, LegacyStorage>();
  const result = await readPickle(source, system.end, budget, (attempt) => {
    storages = new Map();
    return torchEnvironment(attempt, (claim) => resolve(source, storages, claim));
  });
  const keys = await readPickle(source, result.end, budget, plainEnvironment);
  locate(source, storages, keys.value, keys.end);
  return result.value;
}

/** Reads one pickle of unknown length, with as much of the file as it turns out to need. */
async function readPickle(
  source: ByteSource,
  offset: number,
  budget: Budget,
  environment: (budget: Budget) => Environment,
): Promise<{ value: unknown; end: number }> {
  for (let window = FIRST_WINDOW; ; ) {
    const length = Math.min(window, source.size - offset);
    const attempt = budget.rest();
    attempt.spend(length);
    const bytes = await readRange(source, offset, length, "a pickle");
    try {
      const { value, end } = unpickle(bytes, environment(attempt));
      budget.spend(attempt.spent);
      return { value, end: offset + end };
    } catch (error) {
      if (!(error instanceof OutOfBytes)) throw error;
      if (offset + error.needed > source.size)
        throw new CheckpointError("truncated", `${source.name}: the file ends inside a pickle`);
      window = Math.max(4 * window, error.needed);
    }
  }
}

function resolve(source: ByteSource, storages: Map<string, LegacyStorage>, claim: StorageClaim): StorageReference {
  const { key, length } = claim;
  const { name, dtype } = claim.class;
  const storage = storages.get(key) ?? new LegacyStorage(key, length, dtype, source);
  storages.set(key, storage);
  if (length < 0 || !Number.isSafeInteger(storage.bytes))
    throw new CheckpointError("storage-size", `${source.name}: storage ${quoted(key)} cannot have ${length} elements`);
  if (length !== storage.length || dtype !== storage.dtype)
    throw new CheckpointError(
      "storage-size",
      `${source.name}: storage ${quoted(key)} is said to hold ${storage.length} elements of ${storage.dtype ?? "no type"}, ` +
        `and ${length} of ${name}`,
    );
  if (claim.view === null) return new StorageReference(storage, dtype, length);
  if (!(claim.view instanceof Tuple) || claim.view.length !== 3)
    throw new CheckpointError(
      "bad-pickle",
      `${source.name}: the view of storage ${quoted(key)} is ${describe(claim.view)}`,
    );
  const start = integer(claim.view[1], "the start of a storage's view");
  const count = integer(claim.view[2], "the length of a storage's view");
  if (start < 0 || count < 0 || start + count > length)
    throw new CheckpointError(
      "bounds",
      `${source.name}: a view of ${count} elements from ${start} leaves storage ${quoted(key)}, which has ${length}`,
    );
  return new StorageReference(storage, dtype, count, start);
}

/** Gives each storage behind the pickles its place, which follows from what the pickle says of those before it. */
function locate(source: ByteSource, storages: ReadonlyMap<string, LegacyStorage>, keys: unknown, start: number): void {
  if (!Array.isArray(keys))
    throw new CheckpointError("bad-pickle", `${source.name}: the list of storages is ${describe(keys)}`);
  let offset = start;
  for (const key of keys as unknown[]) {
    // Nothing else is turned into text: a small nest of tuples can make a text larger than any memory.
    const storage = typeof key === "string" || typeof key === "number" ? storages.get(String(key)) : undefined;
    if (!storage || storage.offset >= 0)
      throw new CheckpointError(
        "missing-member",
        `${source.name}: a storage ${describe(key)} is listed but not used, or listed twice`,
      );
    storage.offset = offset + LENGTH_BYTES;
    offset = storage.offset + storage.bytes;
    if (offset > source.size)
      throw new CheckpointError("truncated", `${source.name}: the file ends inside storage ${quoted(storage.key)}`);
  }
  for (const storage of storages.values())
    if (storage.offset < 0)
      throw new CheckpointError("missing-member", `${source.name}: the file holds no storage ${quoted(storage.key)}`);
}
