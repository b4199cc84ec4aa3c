/** The host is a browser, or another runtime with the web's interfaces: Web Workers, where memory may be shared. */

import { NoAdapterError } from "../errors.js";
import type { AdapterRequest, Platform } from "./platform.js";

const channel = typeof MessageChannel === "undefined" ? undefined : new MessageChannel();
const tasks: (() => void)[] = [];
if (channel) channel.port1.onmessage = () => tasks.shift()?.();

export const platform: Platform = {
  cores: globalThis.navigator?.hardwareConcurrency ?? 1,
  threads:
    typeof Worker !== "undefined" &&
    typeof SharedArrayBuffer !== "undefined" &&
    globalThis.crossOriginIsolated === true,
  startThread(source, data, onMessage, onEnd) {
    const script = `onmessage = (event) => (${source})(event.data, (message) => postMessage(message));`;
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const worker = new Worker(url, { name: "kindling" });
    worker.onmessage = (event) => {
      URL.revokeObjectURL(url);
      onMessage(event.data);
    };
    worker.onerror = (event) => onEnd(event.message || "the browser refused to start it");
    worker.postMessage(data);
    return { keepAlive: () => {}, terminate: () => worker.terminate() };
  },
  collectGarbage() {},
  macrotask(task) {
    if (!channel) {
      setTimeout(task, 0);
      return;
    }
    tasks.push(task);
    channel.port2.postMessage(undefined);
  },
  async adapterRoutes() {
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
  adapterAdvice:
    "Turn hardware acceleration on in the browser's settings, update the graphics driver, and see chrome://gpu or " +
    "about:support; or use the cpu device",
};
