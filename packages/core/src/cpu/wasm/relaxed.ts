/** Detection of relaxed SIMD: a fused multiply-add where the engine has one. */

import { WasmModule } from "./module.js";
import { f32x4 } from "./values.js";

let known: boolean | undefined;

/** Whether this engine takes `f32x4.relaxedMadd`. V8 does since 11.4, so Node 20 does not and Node 22 does. */
export function hasRelaxedSimd(): boolean {
  if (known === undefined) {
    const m = new WasmModule({ shared: false });
    m.func("probe", ["v128"], "v128", (_f, x) => f32x4.relaxedMadd(x, x, x));
    known = WebAssembly.validate(m.bytes());
  }
  return known;
}
