/** Python's names in ours: `snake_case` arguments become camelCase. */

/** `weight_decay` → `weightDecay`, `T_max` → `tMax`. */
export function camelCase(name: string): string {
  const joined = name.replace(/_([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
  return joined[0].toLowerCase() + joined.slice(1);
}

/** The arguments without those that are None, whose place is taken by a default. */
export function given<T extends object>(args: T): T {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null)) as T;
}

/** An options object with camelCase keys. */
export function camelCaseKeys(args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given(args)).map(([name, value]) => [camelCase(name), value]));
}
