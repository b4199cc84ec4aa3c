// The onnxruntime-web peer: its WebAssembly backend, in Node.

import * as ort from "onnxruntime-web";
import { serve, threads } from "./onnxruntime.mjs";

ort.env.wasm.numThreads = threads;
ort.env.logLevel = "error";
const peer = `onnxruntime-web ${ort.env.versions.web}, wasm, ${threads} threads`;
await serve(peer, ort, { executionProviders: ["wasm"] });
