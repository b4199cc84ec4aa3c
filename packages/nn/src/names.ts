/** Near names: what somebody who misspelt a key, a model or an option probably meant. */

/** Edit distance (insert, delete, replace) of two strings, or `limit + 1` as soon as it is known to exceed `limit`. */
function editDistance(a: string, b: string, limit = Number.POSITIVE_INFINITY): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, previous[j] + 1, row[j - 1] + 1);
      least = Math.min(least, row[j]);
    }
    if (least > limit) return limit + 1;
    previous = row;
  }
  return previous[b.length];
}

/** Up to `count` of `names` that are near `name`, nearest first; a name that differs in more than a third is not near. */
export function nearestNames(name: string, names: Iterable<string>, count = 3): string[] {
  const limit = Math.max(2, Math.ceil(name.length / 3));
  const found: { name: string; distance: number }[] = [];
  for (const other of names) {
    const distance = editDistance(name.toLowerCase(), other.toLowerCase(), limit);
    if (distance <= limit) found.push({ name: other, distance });
  }
  found.sort((p, q) => p.distance - q.distance || (p.name < q.name ? -1 : 1));
  return found.slice(0, count).map((f) => f.name);
}
