/** Brings a list page by page from the server, as far as it is scrolled. */
import { type Signal, signal } from "@preact/signals";
import { asApiError, type ListedSession, type MemberClient, query } from "@switchboard/sdk";
import { type Filter, questionOf } from "./filters.ts";

interface Page {
  sessions: ListedSession[];
  next_cursor?: string | number | null;
}

const PAGE = 50;
const AGAIN_MS = 3_000;

export type Loading = "waiting" | "done" | "failed";

export class Pages {
  /** Of the first page. */
  readonly first: Signal<Loading> = signal<Loading>("waiting");
  #client: MemberClient;
  #filter: Filter;
  #cursor: string | number | null | undefined;
  #isBusy = false;
  #isOver = false;
  #notBefore = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: MemberClient, filter: Filter) {
    this.#client = client;
    this.#filter = filter;
  }

  get isWhole(): boolean {
    return this.#cursor === null;
  }

  async more(limit = PAGE): Promise<readonly ListedSession[]> {
    if (this.#isBusy || this.#isOver || this.isWhole || Date.now() < this.#notBefore) return [];
    this.#isBusy = true;
    clearTimeout(this.#timer);
    try {
      const question = { ...questionOf(this.#filter), limit, cursor: this.#cursor };
      const page = await this.#client.call<Page>(query("/chat/sessions", question));
      this.#cursor = page.next_cursor ?? null;
      // One bad row does not take the others with it.
      const good = page.sessions.filter((one) => typeof one?.session_id === "number" && typeof one.client?.id === "number" && Array.isArray(one.marks));
      if (!this.#isOver) this.#client.take(good);
      this.first.value = "done";
      return good;
    } catch (cause) {
      const { status, retryAfterMs } = asApiError(cause);
      if (this.first.peek() === "waiting") this.first.value = "failed";
      // What the server refuses it refuses again.
      const isLasting = status >= 400 && status < 500 && status !== 429;
      const pause = Math.max(AGAIN_MS, retryAfterMs);
      this.#notBefore = isLasting ? Infinity : Date.now() + pause;
      if (!isLasting && !this.#isOver) this.#timer = setTimeout(() => void this.more(limit), pause + 1);
      return [];
    } finally {
      this.#isBusy = false;
    }
  }

  /** After a break: what is at the top may be new. */
  again(): void {
    this.#cursor = undefined;
    this.#notBefore = 0;
    void this.more();
  }

  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}
