/** What a list shows while its order is held, and how far it has to scroll so that what is seen stays where it is. */

export interface Held<T> {
  rows: readonly T[];
  /** The keys of rows that stay only until the order is let go. */
  gone: ReadonlySet<string>;
}

/** The rows that stand, with their items of now. New ones are shown if they come after all of these. */
export function keepOrder<T>(standing: readonly T[], items: readonly T[], keyOf: (item: T) => string): Held<T> {
  const now = new Map(items.map((item) => [keyOf(item), item]));
  const known = new Set(standing.map(keyOf));
  const after = items.findLastIndex((item) => known.has(keyOf(item))) + 1;
  return {
    rows: [...standing.map((item) => now.get(keyOf(item)) ?? item), ...items.slice(after)],
    gone: new Set([...known].filter((key) => !now.has(key))),
  };
}

/** By how many places most of the rows that are seen have moved. */
export function shift(seen: ReadonlyMap<string, number>, indexOf: ReadonlyMap<string, number>): number {
  const counts = new Map<number, number>();
  for (const [key, before] of seen) {
    const after = indexOf.get(key);
    if (after !== undefined) counts.set(after - before, (counts.get(after - before) ?? 0) + 1);
  }
  let most = 0;
  for (const [step, count] of counts) if (count > (counts.get(most) ?? 0)) most = step;
  return most;
}
