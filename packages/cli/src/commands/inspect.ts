/** `kindling inspect`: what is in a checkpoint. */

import { inspect } from "@kindling/checkpoint";
import { bytes, shape, table, whole } from "../format.js";

export async function inspectCommand(file: string): Promise<number> {
  const tensors = await inspect(file);
  const rows = tensors.map((tensor) => [tensor.name, shape(tensor.shape), tensor.dtype, whole(tensor.bytes)]);
  const columns = [
    { title: "name" },
    { title: "shape" },
    { title: "dtype" },
    { title: "bytes", align: "right" as const },
  ];
  console.log(table(columns, rows));
  const total = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  console.log(`\n${whole(tensors.length)} tensors, ${bytes(total)}`);
  return 0;
}
