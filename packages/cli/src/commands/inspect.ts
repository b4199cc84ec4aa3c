/** `kindling inspect`: what is in a checkpoint. Whoever made the file does not get to drive the terminal. */

import { type CheckpointInfo, inspect } from "@kindling/checkpoint";
import { bytes, printable, shape, table, whole } from "../format.js";

export async function inspectCommand(file: string, { json }: { readonly json: boolean }): Promise<number> {
  const info = await inspect(/^https?:\/\//i.test(file) ? new URL(file) : file);
  console.log(json ? printableJson(info) : report(info));
  return 0;
}

/** Escaped as JSON has it, so that a parser gives the names as they are. */
const printableJson = (info: CheckpointInfo): string =>
  JSON.stringify(info, undefined, 2)
    .split("\n")
    .map((line) =>
      line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
        [...Array(character.length).keys()]
          .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`)
          .join(""),
      ),
    )
    .join("\n");

function report({ format, fileBytes, tensors, storageBytes, values }: CheckpointInfo): string {
  const right = { align: "right" as const };
  const columns = [
    { title: "name" },
    { title: "shape" },
    { title: "dtype" },
    { title: "bytes", ...right },
    { title: "" },
  ];
  const rows = tensors.map((tensor) => [
    printable(tensor.name),
    shape(tensor.shape),
    tensor.dtype,
    whole(tensor.bytes),
    [
      tensor.requiresGrad ? "requires grad" : "",
      tensor.sharesWith === undefined ? "" : `shares the storage of ${printable(tensor.sharesWith)}`,
    ]
      .filter(Boolean)
      .join(", "),
  ]);
  const parts = [
    tensors.length > 0 ? table(columns, rows) : "",
    values.map(({ name, text }) => `${printable(name) || "value"} = ${text}`).join("\n"),
    `${whole(tensors.length)} ${tensors.length === 1 ? "tensor" : "tensors"}, ${bytes(storageBytes)}, ` +
      `in a ${FORMATS[format]} of ${bytes(fileBytes)}`,
  ];
  return parts.filter(Boolean).join("\n\n");
}

const FORMATS = {
  zip: "zip file of torch.save",
  legacy: "legacy file of torch.save (before 1.6)",
  safetensors: "safetensors file",
} as const;
