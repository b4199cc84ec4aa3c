/** torch's zip container (torch ≥ 1.6): `<root>/data.pkl`, `<root>/data/<key>`, `<root>/byteorder`, `<root>/version`. */

import { CheckpointError } from "../errors.js";
import { type LoadLimits, objectBudget } from "../limits.js";
import { OutOfBytes } from "../pickle/reader.js";
import { unpickle } from "../pickle/unpickler.js";
import { quoted } from "../printable.js";
import type { ByteSource } from "../source.js";
import { readDirectory, type ZipMember } from "../zip/directory.js";
import { readMember } from "../zip/member.js";
import { type StorageClaim, torchEnvironment } from "./environment.js";
import { foreignArchive } from "./foreign-archives.js";
import { type Storage, StorageReference } from "./stored-tensor.js";

/** Reads the directory and the pickle; storages are read when they are used. */
export async function readZipFormat(source: ByteSource, limits: Required<LoadLimits>): Promise<unknown> {
  const budget = objectBudget(source.name, limits);
  const members = await readDirectory(source, budget);
  const root = findRoot(source, members);
  const pickle = members.get(`${root}data.pkl`) as ZipMember;
  budget.spend(pickle.size);
  const bigEndian = await isBigEndian(source, members.get(`${root}byteorder`));
  const references = new Map<string, StorageReference>();
  const resolve = (claim: StorageClaim): StorageReference => {
    const known = references.get(claim.key);
    if (known) return checkSameClaim(source, known, claim);
    const member = members.get(`${root}data/${claim.key}`);
    if (!member)
      throw new CheckpointError("missing-member", `${source.name}: there is no storage ${quoted(claim.key)}`);
    const { size: bytes, headerOffset: position } = member;
    const storage: Storage = { key: claim.key, bytes, position, bigEndian, read: () => readMember(source, member) };
    const reference = new StorageReference(storage, claim.class.dtype, claim.length);
    if (claim.length !== Math.floor(bytes / reference.elementBytes))
      throw new CheckpointError(
        "storage-size",
        `${source.name}: storage ${quoted(claim.key)} should hold ${claim.length} elements of ${claim.class.name}, but has ${bytes} bytes`,
      );
    references.set(claim.key, reference);
    return reference;
  };

  const bytes = await readMember(source, pickle);
  try {
    return unpickle(bytes, torchEnvironment(budget, resolve)).value;
  } catch (error) {
    if (error instanceof OutOfBytes) throw new CheckpointError("bad-pickle", `${source.name}: ${error.message}`);
    throw error;
  }
}

/** The folder of `data.pkl`, with its slash: torch names it after the file, other writers as they like, or not at all. */
function findRoot(source: ByteSource, members: ReadonlyMap<string, ZipMember>): string {
  const names = [...members.keys()];
  const foreign = foreignArchive(source.name, names);
  if (foreign) throw foreign;
  const pickles = names.filter((name) => /(^|\/)data\.pkl$/.test(name));
  if (pickles.length > 1)
    throw new CheckpointError(
      "zip",
      `${source.name}: holds ${pickles.length} data.pkl; which one is meant cannot be known`,
    );
  return pickles[0].slice(0, -"data.pkl".length);
}

/** The pickle says the same of a storage each time it names it, or it cannot be known what its bytes mean. */
function checkSameClaim(source: ByteSource, known: StorageReference, claim: StorageClaim): StorageReference {
  if (claim.class.dtype === known.dtype && claim.length === known.length) return known;
  throw new CheckpointError(
    "storage-size",
    `${source.name}: storage ${quoted(claim.key)} is said to hold ${known.length} elements of ${known.dtype ?? "no type"}, ` +
      `and ${claim.length} of ${claim.class.name}`,
  );
}

async function isBigEndian(source: ByteSource, member: ZipMember | undefined): Promise<boolean> {
  if (!member) return false;
  const order = member.size <= 16 ? new TextDecoder().decode(await readMember(source, member)) : "";
  if (order !== "little" && order !== "big")
    throw new CheckpointError("unsupported", `${source.name}: the byteorder record says neither little nor big`);
  return order === "big";
}
