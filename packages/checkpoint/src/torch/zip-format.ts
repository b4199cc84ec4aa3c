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
import { type Storage, StorageReference } from "./stored-tensor.js";

/** Reads the directory and the pickle; storages are read when they are used. */
export async function readZipFormat(source: ByteSource, limits: Required<LoadLimits>): Promise<unknown> {
  const budget = objectBudget(source.name, limits);
  const members = await readDirectory(source, budget);
  const root = findRoot(source, members);
  const pickle = members.get(`${root}data.pkl`) as ZipMember;
  budget.spend(pickle.size);
  const bigEndian = await isBigEndian(source, members.get(`${root}byteorder`));
  const storages = new Map<string, Storage>();

  const resolve = (claim: StorageClaim): StorageReference => {
    const member = members.get(`${root}data/${claim.key}`);
    if (!member)
      throw new CheckpointError("missing-member", `${source.name}: there is no storage ${quoted(claim.key)}`);
    const reference = new StorageReference(storageOf(member, claim.key), claim.class.dtype, claim.length);
    if (claim.length < 0 || reference.bytes > member.size)
      throw new CheckpointError(
        "storage-size",
        `${source.name}: storage ${claim.key} should hold ${claim.length} elements of ${claim.class.name}, but has ${member.size} bytes`,
      );
    return reference;
  };
  const storageOf = (member: ZipMember, key: string): Storage => {
    let storage = storages.get(key);
    if (!storage) {
      const { size: bytes, headerOffset: position } = member;
      storage = { key, bytes, position, bigEndian, read: () => readMember(source, member) };
      storages.set(key, storage);
    }
    return storage;
  };

  const bytes = await readMember(source, pickle);
  try {
    return unpickle(bytes, torchEnvironment(budget, resolve)).value;
  } catch (error) {
    if (error instanceof OutOfBytes) throw new CheckpointError("bad-pickle", `${source.name}: ${error.message}`);
    throw error;
  }
}

/** The folder of `data.pkl`, with its slash. */
function findRoot(source: ByteSource, members: ReadonlyMap<string, ZipMember>): string {
  const roots = [...members.keys()].flatMap((name) => /^([^/]*\/)?data\.pkl$/.exec(name)?.slice(1) ?? []);
  const [root = ""] = roots;
  if (roots.length > 1)
    throw new CheckpointError(
      "zip",
      `${source.name}: holds ${roots.length} data.pkl; which one is meant cannot be known`,
    );
  if (roots.length === 0)
    throw new CheckpointError("not-a-checkpoint", `${source.name}: is a zip archive without a data.pkl, not torch's`);
  if (members.has(`${root}constants.pkl`))
    throw new CheckpointError(
      "torchscript",
      `${source.name}: is a TorchScript archive: a program, not weights. In Python, save its state dict: ` +
        "torch.save(torch.jit.load(path).state_dict(), other_path)",
    );
  return root;
}

async function isBigEndian(source: ByteSource, member: ZipMember | undefined): Promise<boolean> {
  if (!member) return false;
  const order = member.size <= 16 ? new TextDecoder().decode(await readMember(source, member)) : "";
  if (order !== "little" && order !== "big")
    throw new CheckpointError("unsupported", `${source.name}: the byteorder record says neither little nor big`);
  return order === "big";
}
