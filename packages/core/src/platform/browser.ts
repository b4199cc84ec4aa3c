/** The host is a browser, or another runtime with the web's interfaces: Web Workers, where memory may be shared. */

import type { Platform } from "./platform.js";

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
  revectorize() {},
  revectorizes: () => false,
  collectGarbage() {},
  macrotask(task) {
    if (!channel) {
      setTimeout(task, 0);
      return;
    }
    tasks.push(task);
    channel.port2.postMessage(undefined);
  },
};
