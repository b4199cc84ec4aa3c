/** The public face of @kindling/core. */

export * from "./dtype.js";
export * from "./errors.js";
