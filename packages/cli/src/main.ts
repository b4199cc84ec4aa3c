#!/usr/bin/env node
/**
 * `kindling`: runs one command. Exit code 0 where it did what was asked, 1 where it could not, 2 where the command line
 * is wrong, 128 + the signal's number where a signal stopped it.
 */

import { CommanderError } from "commander";
import { createProgram } from "./program.js";

// A reader that has seen enough (`kindling inspect x.pth | head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

try {
  await createProgram((code) => {
    process.exitCode = code;
  }).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    const { KindlingError } = await import("@kindling/core");
    if (!(error instanceof KindlingError)) throw error;
    // What a message quotes may come from a file.
    const { printable } = await import("./format.js");
    console.error(`error: ${error.message.split("\n").map(printable).join("\n")}`);
    process.exitCode = 1;
  }
}
