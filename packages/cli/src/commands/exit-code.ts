/** Exit codes, as shells have them. */

import { constants } from "node:os";

/** Of a program that a signal ended. */
export const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];
