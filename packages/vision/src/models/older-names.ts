/** Names of state-dict entries that earlier versions of torchvision wrote. */

import type { Tensor } from "@kindling/core";

/** Gives an entry the name that it has today, if a file has it under the old one alone. */
export function renameEntry(stateDict: Map<string, Tensor>, old: string, name: string): void {
  const tensor = stateDict.get(old);
  if (!tensor || stateDict.has(name)) return;
  stateDict.delete(old);
  stateDict.set(name, tensor);
}
