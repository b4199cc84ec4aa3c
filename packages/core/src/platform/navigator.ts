/** WebGPU where the host has it: `navigator.gpu`. */

import { NoAdapterError } from "../errors.js";
import type { AdapterRequest, Adapters } from "./adapters.js";

export const adapters: Adapters = {
  async routes() {
    const gpu = globalThis.navigator?.gpu;
    if (!gpu)
      throw new NoAdapterError(
        globalThis.isSecureContext === false
          ? "there is no WebGPU in a page that is not secure; serve it over https, or from localhost"
          : "this browser has no WebGPU; use a current Chrome, Edge, Safari or Firefox, or the cpu device",
      );
    return (["core", "compatibility"] as const).map((featureLevel) => {
      const request: AdapterRequest = { powerPreference: "high-performance", featureLevel };
      return {
        name: featureLevel === "core" ? "the browser" : "the browser, compatibility mode",
        featureLevel,
        requestAdapter: () => gpu.requestAdapter(request),
      };
    });
  },
  hasGraphicsCard: () => true,
  advice:
    "Turn hardware acceleration on in the browser's settings, update the graphics driver, and see chrome://gpu or " +
    "about:support; or use the cpu device",
};
