/** Makes archives and legacy files around hand-made pickles. */

import { concat, zipArchive } from "../dist/zip/writer.js";

export const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

export const join = (...parts: readonly (string | Uint8Array | readonly number[])[]): Uint8Array =>
  concat(parts.map((part) => (typeof part === "string" ? ascii(part) : Uint8Array.from(part))));

/** An archive as torch writes it, with the given pickle and storages. */
export async function archive(
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
  extra: Readonly<Record<string, Uint8Array>> = {},
): Promise<Uint8Array> {
  const members = [
    { name: "archive/data.pkl", data: () => pickle },
    ...Object.entries(storages).map(([key, bytes]) => ({ name: `archive/data/${key}`, data: () => bytes })),
    ...Object.entries(extra).map(([name, bytes]) => ({ name: `archive/${name}`, data: () => bytes })),
  ];
  const chunks: Uint8Array[] = [];
  for await (const chunk of zipArchive(members)) chunks.push(chunk);
  return concat(chunks);
}

/** The pickle of a persistent id of a float storage, as text opcodes and binary ones mixed. */
export const storage = (key: string, length: number, kind = "torch\nFloatStorage"): string =>
  `(X\x07\0\0\0storagec${kind}\nX${String.fromCharCode(key.length)}\0\0\0${key}X\x03\0\0\0cpuI${length}\ntQ`;

/** A float tensor over a storage. */
export const tensor = (key: string, length: number, view: string): string =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${storage(key, length)}${view}I00\nccollections\nOrderedDict\n)RtR`;
