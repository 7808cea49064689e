/** The rows of one list, in order. What changes is moved; the list is drawn from one array, new after each change. */
import { type Signal, signal } from "@preact/signals";
import type { Row } from "../desk/rows.ts";
import { type Filter, matches, ORDERS } from "./filters.ts";

/** More changes at once are cheaper by sorting anew. */
const MANY = 64;

export class LiveList {
  readonly filter: Filter;
  readonly items: Signal<readonly Row[]>;
  #order: (one: Row, other: Row) => number;
  /** The rows as they stand in the list. */
  #held = new Map<number, Row>();

  constructor(filter: Filter, rows: Iterable<Row>) {
    this.filter = filter;
    this.#order = ORDERS[filter.sort];
    this.items = signal([]);
    this.rebuild(rows);
  }

  rebuild(rows: Iterable<Row>): void {
    const found = [...rows].filter((row) => matches(this.filter, row)).sort(this.#order);
    this.#held = new Map(found.map((row) => [row.id, row]));
    this.items.value = found;
  }

  has(id: number): boolean {
    return this.#held.has(id);
  }

  /** `now` is null for a conversation that is gone. */
  update(changes: ReadonlyMap<number, Row | null>, all: () => Iterable<Row>): void {
    if (changes.size > MANY) {
      this.rebuild(all());
      return;
    }
    let next: Row[] | null = null;
    for (const [id, now] of changes) {
      const before = this.#held.get(id);
      const after = now && matches(this.filter, now) ? now : null;
      if (!before && !after) continue;
      next ??= [...this.items.peek()];
      if (before) {
        const at = this.#place(next, before);
        if (after && this.#order(before, after) === 0) next[at] = after;
        else {
          next.splice(at, 1);
          if (after) next.splice(this.#place(next, after), 0, after);
        }
      } else if (after) next.splice(this.#place(next, after), 0, after);
      if (after) this.#held.set(id, after);
      else this.#held.delete(id);
    }
    if (next) this.items.value = next;
  }

  /** Where a row stands or would stand: the order is total. */
  #place(rows: readonly Row[], row: Row): number {
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = rows[middle];
      if (other && this.#order(other, row) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
