/** A small WebAssembly assembler: modules and functions in `module`, instructions as typed values in `values`. */

export * from "./module.js";
export * from "./relaxed.js";
export * from "./values.js";
