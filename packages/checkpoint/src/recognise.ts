/** What the bytes of a file are, by how they begin: a format that is read, or something that people give instead. */

import type { CheckpointErrorKind } from "./errors.js";
import { type ByteSource, readRange } from "./source.js";

/** Bytes that tell what a file is. */
const HEAD_BYTES = 512;

/** A format of torch.save, or why the file is none. */
type Recognised = "zip" | "legacy" | { readonly kind: CheckpointErrorKind; readonly why: string };

const ZIP_START = [0x50, 0x4b, 3, 4];

const headOf = (source: ByteSource): Promise<Uint8Array> =>
  readRange(source, 0, Math.min(source.size, HEAD_BYTES), "the beginning");

/** Which format of torch.save a file has. */
export async function recognise(source: ByteSource): Promise<Recognised> {
  return recogniseHead(await headOf(source));
}

function recogniseHead(head: Uint8Array): Recognised {
  const text = new TextDecoder("latin1").decode(head);
  if (head.length === 0) return { kind: "not-a-checkpoint", why: "the file is empty" };
  if (ZIP_START.every((byte, i) => head[i] === byte)) return "zip";
  if (head.length < 4 && ZIP_START.slice(0, head.length).every((byte, i) => head[i] === byte))
    return { kind: "truncated", why: "only the first bytes of a zip archive are there" };
  if (isSafetensors(text))
    return { kind: "not-a-checkpoint", why: "is a safetensors file: read it with loadSafetensors" };
  // Pickles of protocol 2 and later begin with PROTO; those before it, with torch's magic number in decimal.
  if (head[0] === 0x80 || text.startsWith("L119547037146038801333356L")) return "legacy";
  if (/^(\.\/)?(sys_info|pickle|storages|tensors)\0/.test(text))
    return {
      kind: "unsupported",
      why:
        "is the tar container of torch before 0.1.10. In Python, save it again: " +
        "torch.save(torch.load(path, weights_only=False), other_path)",
    };
  const why = guess(text) ?? "is neither a zip archive nor a pickle, so not a file of torch.save";
  return { kind: "not-a-checkpoint", why };
}

function guess(text: string): string | undefined {
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) return "is a web page: the download answered with an error page";
  if (text.startsWith("version https://git-lfs"))
    return "is a Git LFS pointer, not the weights: run git lfs pull, or download the file itself";
  if (text.startsWith("\x89HDF")) return "is an HDF5 file, as Keras writes, not one of torch.save";
  if (text.startsWith("\x1f\x8b")) return "is gzip-compressed: unpack it first";
  if (text.slice(257, 262) === "ustar") return "is a tar archive, not one of torch: unpack it first";
  if (text.startsWith("\x93NUMPY")) return "is a numpy array (.npy), not a file of torch.save";
  if (isOnnx(text))
    return (
      "is an ONNX model, a program: in Python, save the state dict of the model it was exported from: " +
      "torch.save(model.state_dict(), path)"
    );
  if (text.startsWith("GGUF")) return "is a GGUF file, not one of torch.save";
  return undefined;
}

/** Whether the bytes begin like an ONNX model: a protocol buffer whose first fields are a version and a producer's name. */
const isOnnx = (head: string): boolean => head[0] === "\b" && head[2] === "\x12" && /^.[ -~]{2}/s.test(head.slice(3));

/** Bytes up to the first of a safetensors header. */
const SAFETENSORS_START = 9;

/** Whether the bytes begin like a safetensors file: a length below 4 GiB, then a JSON object. */
const isSafetensors = (head: string): boolean => head.slice(4, SAFETENSORS_START) === "\0\0\0\0{";

/** Whether the source begins like a safetensors file. */
export async function beginsLikeSafetensors(source: ByteSource): Promise<boolean> {
  if (source.size < SAFETENSORS_START) return false;
  return isSafetensors(new TextDecoder("latin1").decode(await source.read(0, SAFETENSORS_START)));
}

/** What a file that should be a safetensors file is instead; undefined where its first bytes do not tell. */
export async function otherThanSafetensors(source: ByteSource): Promise<string | undefined> {
  if (source.size === 0) return "the file is empty";
  if (source.size < SAFETENSORS_START || (await beginsLikeSafetensors(source))) return undefined;
  const head = await headOf(source);
  const format = recogniseHead(head);
  if (format === "zip" || format === "legacy") return "is a file of torch.save: read it with load";
  const text = new TextDecoder("latin1").decode(head);
  if (/^\s*\{\s*"/.test(text))
    return "is JSON. If it is the index of a sharded checkpoint, give its path or address, which ends in .json";
  return guess(text);
}
