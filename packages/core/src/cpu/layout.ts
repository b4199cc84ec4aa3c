/**
 * The fixed start of the cpu device's memory: control words, then the ring of commands through which the host talks to
 * its threads. Everything that outgrows it (buffers, slots, workspaces, scratch) lies above, in the heap.
 *
 * Numbers are indices of 32-bit words unless said otherwise. Words that different threads write often lie in different
 * cache lines. `position`s count the words ever written to the ring, modulo 2³².
 *
 * The object is handed to worker threads as data, because their source is a function without imports.
 */

const CACHE_LINE = 16;
const RING = 2048;
const RING_WORDS = 1 << 20;

export const LAYOUT = {
  /** Position up to which commands are written. Idle threads sleep on it. */
  head: 0,
  /** Number of the last run that has completed. */
  completed: 1 * CACHE_LINE,
  /** How many threads sleep, or are about to. */
  sleepers: 2 * CACHE_LINE,
  /** 1 while the host wants a message when run `awaited` has completed. */
  awaiting: 3 * CACHE_LINE,
  awaited: 3 * CACHE_LINE + 1,
  /** 1 once a kernel has trapped; from then on kernels are skipped. Then which, and why (UTF-16 units, one a word). */
  failed: 4 * CACHE_LINE,
  failedName: 4 * CACHE_LINE + 1,
  failedLength: 4 * CACHE_LINE + 2,
  failedText: 5 * CACHE_LINE,
  failedTextWords: 256,
  /** Position up to which thread t has read: word tails + t · tailStride. */
  tails: 512,
  tailStride: CACHE_LINE,

  ring: RING,
  /** A power of two. */
  ringWords: RING_WORDS,
  /** Where the heap starts; as bytes, 4 · end. */
  end: RING + RING_WORDS,

  /** Commands take a whole number of these and never wrap around the ring's end. */
  commandAlign: CACHE_LINE,
  /** Words of a command before its payload; the first is the operation, the second the words that it takes. */
  header: 8,
  /** Nothing to do: fills the end of the ring when the next command does not fit. */
  opSkip: 0,
  /** Header: function number, bytes of the module, which follows. */
  opLoad: 1,
  /** Header: entries, the run's number, whether the run ends with this command, address and stride of scratch. */
  opRun: 2,

  /** Words of an entry, which is one kernel of a run. */
  entry: 8,
  entryFunction: 0,
  /** Bytes from the command's start to the kernel's parameters. */
  entryParams: 1,
  entryTasks: 2,
  entryName: 3,
  /** Tasks that threads have taken, and have done; 0 at first. Threads wait on the latter. */
  entryTaken: 4,
  entryDone: 5,
  /** Tasks that a thread takes at least. */
  entryLeast: 6,
} as const;

export type Layout = typeof LAYOUT;

/** Highest number of threads for which there are tails. */
export const MAX_THREADS = (RING - LAYOUT.tails) / LAYOUT.tailStride;
