/** Opens a checkpoint: finds out what the bytes are, reads the directory and the pickle, and leaves tensors in the file. */

import { platform } from "#platform";
import { CheckpointError } from "./errors.js";
import { defaultLimits, type LoadLimits, type LoadOptions } from "./limits.js";
import { mergeReads } from "./merge-reads.js";
import { type ByteSource, blobSource, bytesSource, guarded, readRange, streamSource } from "./source.js";
import { readLegacyFormat } from "./torch/legacy-format.js";
import { readZipFormat } from "./torch/zip-format.js";
import { urlSource } from "./url-source.js";

/** A path (in browsers: an address), an address, bytes, a `Blob` or `File`, a stream, or any source of bytes. */
export type CheckpointInput = string | URL | Uint8Array | ArrayBuffer | Blob | ReadableStream<Uint8Array> | ByteSource;

/** Opens an input. A `ByteSource` stays the caller's: closing what this gives does not close it. */
export async function openSource(input: CheckpointInput, options: LoadOptions): Promise<ByteSource> {
  options.signal?.throwIfAborted();
  // Bytes in memory need no merging of reads, all else does.
  if (input instanceof Uint8Array) return guarded(bytesSource(input), options.signal);
  if (input instanceof ArrayBuffer) return guarded(bytesSource(new Uint8Array(input)), options.signal);
  return guarded(mergeReads(await openReader(input, options)), options.signal);
}

async function openReader(
  input: Exclude<CheckpointInput, Uint8Array | ArrayBuffer>,
  options: LoadOptions,
): Promise<ByteSource> {
  if (typeof input === "string") return platform.openPath(input, options);
  if (input instanceof URL) return urlSource(input, options);
  if (input instanceof Blob) return blobSource(input);
  if (input instanceof ReadableStream) return streamSource(input, options);
  const { name, size, isRemote } = input;
  return { name, size, isRemote, read: (offset, length) => input.read(offset, length), async close() {} };
}

/** Runs a function on an opened input, and closes it. Errors name the input, also those of parts that do not know it. */
export async function withSource<T>(
  input: CheckpointInput,
  options: LoadOptions,
  use: (source: ByteSource) => Promise<T>,
): Promise<T> {
  const source = await openSource(input, options);
  try {
    return await use(source);
  } catch (error) {
    throw naming(source.name, error);
  } finally {
    await source.close();
  }
}

/** An error of a part that does not know which file it reads, with the name of the file. */
export function naming(source: string, error: unknown): unknown {
  if (!(error instanceof CheckpointError) || error.message.startsWith(`${source}: `)) return error;
  return new CheckpointError(error.kind, `${source}: ${error.message}`, { cause: error });
}

/** The limits of a load, with the defaults for a file of this size. */
export function limitsFor(source: Pick<ByteSource, "size">, limits: LoadLimits): Required<LoadLimits> {
  const chosen = defaultLimits(source.size);
  for (const key of Object.keys(chosen) as (keyof LoadLimits)[]) chosen[key] = limits[key] ?? chosen[key];
  return chosen;
}

/** The value of a `.pth` file whose tensors are still in the file, and which format of torch's it has. */
export async function readValue(
  source: ByteSource,
  limits: Required<LoadLimits>,
): Promise<{ format: "zip" | "legacy"; value: unknown }> {
  const format = recognise(await readRange(source, 0, Math.min(source.size, 512), "the beginning"));
  if (format === "zip") return { format, value: await readZipFormat(source, limits) };
  if (format === "legacy") return { format, value: await readLegacyFormat(source, limits) };
  throw new CheckpointError(format.kind, `${source.name}: ${format.why}`);
}

type Recognised = "zip" | "legacy" | { kind: "not-a-checkpoint" | "truncated" | "unsupported"; why: string };

const ZIP_START = [0x50, 0x4b, 3, 4];

/** What the bytes are, by how they begin. */
function recognise(head: Uint8Array): Recognised {
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
  const head = await readRange(source, 0, Math.min(source.size, 512), "the beginning");
  const format = recognise(head);
  if (format === "zip" || format === "legacy") return "is a file of torch.save: read it with load";
  const text = new TextDecoder("latin1").decode(head);
  if (/^\s*\{\s*"/.test(text))
    return "is JSON. If it is the index of a sharded checkpoint, give its path or address, which ends in .json";
  return guess(text);
}
