/** Work on many things at once, within a bound on the memory that the work in progress takes. */

/** Bytes in progress beyond which nothing more is begun. */
const BYTES_IN_FLIGHT = 2 ** 27;

/** What work on an item takes besides: promises, and a place in the queue of reads. */
const ITEM_BYTES = 2 ** 12;

/**
 * Calls `work` for the items in order, for as many at a time as the bound allows, and resolves when all is done. The
 * first failure is thrown, and nothing is begun after it.
 */
export async function inFlight<T>(
  items: Iterable<T>,
  bytes: (item: T) => number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let [unfinished, bytesInFlight] = [0, 0];
  let failure: { readonly reason: unknown } | undefined;
  let wake = (): void => {};
  const progress = (): Promise<void> => new Promise((resolve) => (wake = resolve));

  for (const item of items) {
    while (bytesInFlight >= BYTES_IN_FLIGHT && !failure) await progress();
    if (failure) break;
    unfinished++;
    bytesInFlight += ITEM_BYTES + bytes(item);
    work(item)
      .catch((reason: unknown) => {
        failure ??= { reason };
      })
      .finally(() => {
        unfinished--;
        bytesInFlight -= ITEM_BYTES + bytes(item);
        wake();
      });
  }
  while (unfinished > 0 && !failure) await progress();
  if (failure) throw failure.reason;
}
