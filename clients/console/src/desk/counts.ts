/** How many conversations each list has: the server's word, and what has changed here since. */
import { type Signal, signal } from "@preact/signals";
import type { MemberClient } from "@switchboard/sdk";
import type { Row } from "./rows.ts";

export interface Counts {
  mine: number;
  unassigned: number;
  open: number;
  pending: number;
  sites: readonly { site: string; open: number; unassigned: number }[];
}

const AGAIN_MS = 4_000;
/** Nothing told is older than that. */
const LONGEST_MS = 60_000;

type Figure = "mine" | "unassigned" | "open" | "pending";

export class CountKeeper {
  readonly counts: Signal<Counts | null> = signal<Counts | null>(null);
  #client: MemberClient;
  #selfId: number;
  #keyOf: (siteId: number) => string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #askedAt = 0;
  #isBusy = false;
  #isDue = false;
  #isOver = false;

  constructor(client: MemberClient, selfId: number, keyOf: (siteId: number) => string | undefined) {
    this.#client = client;
    this.#selfId = selfId;
    this.#keyOf = keyOf;
  }

  /** A row that was known is another now: that is told at once, and the server is asked soon. */
  note(before: Row | undefined, after: Row | null): void {
    const one = this.#figures(before);
    const other = this.#figures(after ?? undefined);
    if (one.join() === other.join()) return;
    const counts = this.counts.peek();
    if (counts && before) {
      const next: Counts = { ...counts };
      const step = (name: Figure) => void (next[name] = Math.max(0, next[name] + Number(other.includes(name)) - Number(one.includes(name))));
      for (const name of ["mine", "unassigned", "open", "pending"] as const) step(name);
      const key = this.#keyOf((after ?? before).siteId);
      const moved = Number(other.includes("open")) - Number(one.includes("open"));
      next.sites = counts.sites.map((site) => (site.site === key ? { ...site, open: Math.max(0, site.open + moved) } : site));
      this.counts.value = next;
    }
    this.soon();
  }

  #figures(row: Row | undefined): Figure[] {
    if (!row) return [];
    if (row.status === "pending") return ["pending"];
    if (row.status !== "open") return [];
    return row.assignee === null ? ["open", "unassigned"] : row.assignee.id === this.#selfId ? ["open", "mine"] : ["open"];
  }

  soon(): void {
    if (this.#isOver) return;
    this.#isDue = true;
    if (this.#isBusy) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), Math.max(0, this.#askedAt + AGAIN_MS - Date.now()));
  }

  async #ask(): Promise<void> {
    this.#isBusy = true;
    this.#isDue = false;
    this.#askedAt = Date.now();
    try {
      const told = await this.#client.call<Counts>("/chat/sessions/counts");
      // What changed meanwhile is asked about again; old figures are better than none.
      if (!this.#isDue || this.counts.peek() === null) this.counts.value = told;
    } catch {
      // The next change, or the next minute, asks again.
    } finally {
      this.#isBusy = false;
      clearTimeout(this.#timer);
      if (this.#isDue) this.soon();
      else if (!this.#isOver) this.#timer = setTimeout(() => this.soon(), LONGEST_MS);
    }
  }

  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}
