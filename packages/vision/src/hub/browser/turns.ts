/** One download of a file at a time, over all tabs of an origin. */

/** Runs a task while no other tab runs one of the same name; where browsers have no locks, at once. */
export async function inTurn<T>(name: string, task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const { locks } = navigator;
  if (!locks) return task();
  return locks.request(`kindling weights ${name}`, { signal }, task) as Promise<T>;
}
