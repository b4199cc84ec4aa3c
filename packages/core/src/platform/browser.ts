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
  // Pages live long, and whether a policy forbids threads should show at the start.
  patience: 0,
  startThread(source, onMessage, onEnd) {
    const script = `const receive = (${source})((message) => postMessage(message));
      onmessage = (event) => receive(event.data);`;
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const worker = new Worker(url, { name: "kindling" });
    worker.onmessage = (event) => {
      URL.revokeObjectURL(url);
      onMessage(event.data);
    };
    worker.onerror = (event) => onEnd(event.message || "the browser refused to start it");
    return { post: (data) => worker.postMessage(data), keepAlive: () => {}, terminate: () => worker.terminate() };
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
