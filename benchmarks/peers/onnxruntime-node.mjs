// The onnxruntime-node peer: native code.

import ort from "onnxruntime-node";
import { serve, threads } from "./onnxruntime.mjs";

const peer = `onnxruntime-node ${ort.env.versions.node}, ${threads} threads`;
await serve(peer, ort, { executionProviders: ["cpu"], intraOpNumThreads: threads, logSeverityLevel: 3 });
