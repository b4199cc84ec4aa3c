/** Process-wide switches that operators consult: whether a tape is recorded, and who is building nodes. */

export const context = {
  /** Off inside `noGrad` and while backward() builds gradients that need none themselves. */
  gradEnabled: true,
  /** How deep we are inside code whose tensors are not the user's: modules, functionals, backward, step. */
  depth: 0,
  /** Operators applied since the last flush. */
  operations: 0,
  /** On while backward() builds nodes: reading a tensor there does not count as using it. */
  inBackward: false,
};

/** Runs `fn` with gradients off (or on), also when `fn` is async: then until its promise settles. */
export function withGrad<T>(enabled: boolean, fn: () => T): T {
  const before = context.gradEnabled;
  const restore = (): void => {
    context.gradEnabled = before;
  };
  context.gradEnabled = enabled;
  let result: T;
  try {
    result = fn();
  } catch (error) {
    restore();
    throw error;
  }
  if (result instanceof Promise) return result.finally(restore) as T;
  restore();
  return result;
}

/** Runs `fn` without recording a tape. With an async `fn` the switch holds for the whole thread until it settles. */
export const noGrad = <T>(fn: () => T): T => withGrad(false, fn);

export const isGradEnabled = (): boolean => context.gradEnabled;
