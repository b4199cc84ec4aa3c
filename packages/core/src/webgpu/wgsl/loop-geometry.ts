/**
 * How the rows of a reduction are spread over invocations: one a row where rows are many and short, lanes that share a
 * row where it is long, and chunks of the longest rows in workgroups of their own, whose results a later pass combines.
 */

import type { LoopKernel } from "../../kernel.js";
import { numelOf } from "../../node.js";
import type { Target } from "../program.js";
import type { OrderedLoop } from "./loop-order.js";
import { powerAbove, powerBelow } from "./powers.js";

export interface Geometry {
  readonly rowCount: number;
  readonly innerCount: number;
  /** Invocations of a workgroup. */
  readonly workgroup: number;
  /** Invocations that share a chunk of a row: a power of two. With one, there are no barriers. */
  readonly lanes: number;
  /** Whether neighbouring invocations take neighbouring rows, not neighbouring lanes or chunks of one row. */
  readonly rowsFast: boolean;
  readonly chunks: number;
  /** Inner positions of a chunk, but the last. */
  readonly chunk: number;
}

const WORKGROUP = 64;
/** Lanes more than these combine for longer than they save. */
const MOST_LANES = 256;
/** Turns that a lane should make at least. */
const LEAST_TURNS = 4;
/** The rows at most this long are left to one invocation each. */
const SHORT = 8;
/** Rows that keep a graphics card busy with one invocation each, when that also reads neighbouring addresses. */
const MANY_ROWS = 1 << 12;
const MOST_TURNS = 256;
/** Workgroups that keep a graphics card busy, and the turns that a lane must be left with where chunks make them. */
const BUSY_GROUPS = 256;
const CHUNK_TURNS = 16;
/** What keeps processor cores busy: rows or chunks of rows, of at least this many positions each. */
const BUSY_TASKS = 64;
const CHUNK_POSITIONS = 1024;
/** Invocations that a core runs at once, and workgroups that keep the cores busy. */
const VECTOR = 4;
const CORES = 16;
/** A later pass combines the chunks of a row in one go. */
const MOST_CHUNKS = 1024;

/** Invocations of a workgroup that the adapter takes, when each leaves the result of every reduction to the others. */
function mostInvocations(kernel: LoopKernel, target: Target): number {
  const words = Math.max(1, kernel.stages.filter((s) => s.kind === "reduce").length);
  return powerBelow(Math.min(MOST_LANES, target.invocations, target.workgroupBytes / (4 * words)));
}

/** What the choice depends on. */
interface Shape {
  readonly rowCount: number;
  readonly innerCount: number;
  readonly rowsFast: boolean;
}

export function geometryOf({ kernel, rowsFast }: OrderedLoop, target: Target): Geometry {
  const shape = { rowCount: numelOf(kernel.rows), innerCount: numelOf(kernel.inner), rowsFast };
  return chooseGeometry(shape, mostInvocations(kernel, target), target);
}

/** The geometry of rows of which a workgroup takes at most `most` invocations. */
export function chooseGeometry(shape: Shape, most: number, target: Target): Geometry {
  const { rowCount, innerCount, rowsFast } = shape;
  const serial = (workgroup: number, chunks: number): Geometry => cut({ ...shape, workgroup, lanes: 1 }, chunks);
  if (target.software) {
    const few = rowCount < BUSY_TASKS && innerCount >= 2 * CHUNK_POSITIONS;
    const chunks = few ? Math.min(innerCount / CHUNK_POSITIONS, BUSY_TASKS / rowCount) : 1;
    return serial(Math.max(VECTOR, Math.min(WORKGROUP, powerBelow((rowCount * chunks) / CORES))), chunks);
  }
  const coalesced = rowsFast && (innerCount <= 4 * SHORT || (rowCount >= MANY_ROWS && innerCount <= MOST_TURNS));
  if (innerCount <= SHORT || coalesced) return serial(WORKGROUP, 1);

  const slots = rowsFast ? Math.max(1, Math.min(most / 8, rowCount)) : 1;
  const lanes = Math.max(2, Math.min(powerBelow(most / slots), powerAbove(innerCount / LEAST_TURNS)));
  const rows = Math.max(slots, Math.floor(WORKGROUP / lanes));
  const groups = Math.ceil(rowCount / rows);
  const turns = innerCount / lanes;
  const few = groups < BUSY_GROUPS && turns >= 4 * CHUNK_TURNS;
  return cut(
    { ...shape, workgroup: rows * lanes, lanes },
    few ? Math.min(turns / CHUNK_TURNS, (2 * BUSY_GROUPS) / groups) : 1,
  );
}

/** The same without chunks. */
export const wholeRows = (geometry: Geometry): Geometry => ({ ...geometry, chunks: 1, chunk: geometry.innerCount });

/** The geometry with about this many chunks, all of them at work. */
function cut(shape: Omit<Geometry, "chunks" | "chunk">, wanted: number): Geometry {
  const { innerCount } = shape;
  const chunk = Math.ceil(innerCount / Math.max(1, Math.min(MOST_CHUNKS, Math.floor(wanted))));
  return { ...shape, chunks: chunk > 0 ? Math.ceil(innerCount / chunk) : 1, chunk };
}
