/** Process-wide switches that operators consult: whether a tape is recorded, and who is building nodes. */

export const context = {
  /** What synchronous code set. */
  grad: true,
  /** Async functions inside `noGrad` that have not settled. They may overlap. */
  pausedBy: 0,
  /** Off inside `noGrad` and while backward() builds gradients that need none themselves. */
  get gradEnabled(): boolean {
    return this.grad && this.pausedBy === 0;
  },
  /** How deep we are inside code whose tensors are not the user's: modules, functionals, backward, step. */
  depth: 0,
  /** Operators applied since the last flush. */
  operations: 0,
  /** On while backward() builds nodes: reading a tensor there does not count as using it. */
  inBackward: false,
};

/** Runs `fn` with gradients off (or on). */
export function withGrad<T>(enabled: boolean, fn: () => T): T {
  const before = context.grad;
  context.grad = enabled;
  try {
    return fn();
  } finally {
    context.grad = before;
  }
}

/** Runs `fn` without recording a tape. With an async `fn` the tape stays off, for the whole thread, until it settles. */
export function noGrad<T>(fn: () => T): T {
  const result = withGrad(false, fn);
  if (!(result instanceof Promise)) return result;
  context.pausedBy++;
  return result.finally(() => {
    context.pausedBy--;
  }) as T;
}

export const isGradEnabled = (): boolean => context.gradEnabled;
