/** What a list shows while its order is held, and how far it has to scroll so that what is seen stays where it is. */

export interface Place<T> {
  key: string;
  item: T;
  /** The row is no longer in the list and stays only until the order is let go. */
  gone: boolean;
}

/** The held places with their items of now. Rows that are new are shown if they come after all of these. */
export function keepPlaces<T>(held: readonly Place<T>[], items: readonly T[], keyOf: (item: T) => string): Place<T>[] {
  const now = new Map<string, T>();
  for (const item of items) now.set(keyOf(item), item);
  const places = held.map(({ key, item }): Place<T> => {
    const current = now.get(key);
    return current === undefined ? { key, item, gone: true } : { key, item: current, gone: false };
  });
  const known = new Set(held.map(({ key }) => key));
  let after = items.length;
  while (after > 0 && !known.has(keyOf(items[after - 1] as T))) after--;
  for (const item of items.slice(after)) places.push({ key: keyOf(item), item, gone: false });
  return places;
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
