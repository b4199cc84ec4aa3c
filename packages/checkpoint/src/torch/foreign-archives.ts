/** Zip archives that are not torch.save's: what they are, by the names of their members, and what to do with them. */

import { CheckpointError } from "../errors.js";

interface Foreign {
  /** What one of the members is called. */
  readonly member: RegExp;
  readonly kind: "torchscript" | "unsupported" | "not-a-checkpoint";
  readonly why: string;
}

/** Archives that may have a `data.pkl` like torch.save's, but of a program. */
const PROGRAMS: readonly Foreign[] = [
  {
    member: /(^|\/)\.data\/extern_modules$/,
    kind: "unsupported",
    why:
      "is an archive of torch.package: code and objects, not weights. In Python, save the model's state dict: " +
      'torch.save(torch.package.PackageImporter(path).load_pickle("model", "model.pkl").state_dict(), other_path)',
  },
  {
    member: /(^|\/)(archive_format|serialized_exported_program\.json)$/,
    kind: "unsupported",
    why:
      "is an archive of torch.export: a program, not weights. In Python, save its state dict: " +
      "torch.save(torch.export.load(path).state_dict, other_path)",
  },
  {
    member: /(^|\/)(constants\.pkl$|code\/)/,
    kind: "torchscript",
    why:
      "is a TorchScript archive: a program, not weights. In Python, save its state dict: " +
      "torch.save(torch.jit.load(path).state_dict(), other_path)",
  },
];

/** Archives without a `data.pkl`. */
const OTHERS: readonly Foreign[] = [
  {
    member: /\.npy$/,
    kind: "not-a-checkpoint",
    why: "is an archive of numpy arrays (.npz) without a data.pkl, not torch's",
  },
  {
    member: /\.(pth|pt|bin|ckpt|safetensors|tar)$/,
    kind: "not-a-checkpoint",
    why: "is a zip archive without a data.pkl, with a file of weights inside: unpack it first",
  },
];

const UNKNOWN: Foreign = {
  member: /^/,
  kind: "not-a-checkpoint",
  why: "is a zip archive without a data.pkl, not torch's",
};

const find = (known: readonly Foreign[], members: readonly string[]): Foreign | undefined =>
  known.find(({ member }) => members.some((name) => member.test(name)));

/** What is wrong with an archive of these members; undefined for what may be torch.save's. */
export function foreignArchive(source: string, members: readonly string[]): CheckpointError | undefined {
  const hasPickle = members.some((name) => /(^|\/)data\.pkl$/.test(name));
  const foreign = find(PROGRAMS, members) ?? (hasPickle ? undefined : (find(OTHERS, members) ?? UNKNOWN));
  return foreign && new CheckpointError(foreign.kind, `${source}: ${foreign.why}`);
}
