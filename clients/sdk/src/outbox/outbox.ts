// What was written and is not stored by the server yet. Kept in storage with its `client_id`, so that a reload or a
// reconnect sends the same again, and the server stores it once. One message of a chat is on its way at a time, so that
// the order stays; one that was refused for good is marked and does not hold back those behind it.
import { type ApiError, asApiError, isPassing } from "../protocol/api_error.ts";
import type { Message, Visibility } from "../protocol/schemas.ts";

export interface Queued {
  /** The `client_id`. */
  key: string;
  chat: number;
  body: string;
  /** RFC 3339, by the local clock. */
  at: string;
  visibility?: Visibility;
  metadata?: Record<string, unknown>;
  error?: { code: string; message: string };
}

/** Where the list is kept; shared by the tabs of a browser. */
export interface Shelf {
  load(): Queued[];
  save(list: readonly Queued[]): void;
}

/** Sends one, by whatever is open. Throws an ApiError. */
export type Send = (message: Queued) => Promise<Message>;

/** A change of the list, as the tabs of a browser tell it to each other. */
export type Change =
  | { add: Queued }
  | { remove: string }
  | { retry: string }
  | { fail: string; error: { code: string; message: string } }
  | { assign: number; to: number };

const MAX_QUEUED = 500;
/** A message on which the server fails so often is told as failed, so that it does not stand before the others. */
const MAX_FAULTS = 5;
const AGAIN_MS = 2_000;
const MAX_GONE = 1_000;

export class Outbox {
  #shelf: Shelf;
  #send: Send;
  #changed: () => void;
  #made: (change: Change) => void;
  #list: readonly Queued[] = [];
  /** Stored or discarded: a copy that another tab still keeps is not taken in again. */
  #gone = new Set<string>();
  #busy = new Set<number>();
  #faults = new Map<string, number>();
  #pauses = new Map<number, ReturnType<typeof setTimeout>>();
  #isOpen = false;

  /** `changed` is called after each change, `made` with those that were made here, for the other tabs. */
  constructor(shelf: Shelf, send: Send, changed: () => void, made: (change: Change) => void = () => undefined) {
    this.#shelf = shelf;
    this.#send = send;
    this.#changed = changed;
    this.#made = made;
  }

  /** In the order of writing. */
  get list(): readonly Queued[] {
    return this.#list;
  }

  has(key: string): boolean {
    return this.#list.some((queued) => queued.key === key);
  }

  /** Takes in what the storage holds: from before a reload, or of another tab. */
  load(): void {
    this.#set(this.#list);
  }

  /** False when too much waits already. */
  add(queued: Queued): boolean {
    if (this.#list.length >= MAX_QUEUED) return false;
    this.#do({ add: queued });
    return true;
  }

  /** The server has it, or it was given up. */
  remove(key: string): void {
    if (this.has(key)) this.#do({ remove: key });
  }

  retry(key: string): void {
    this.#do({ retry: key });
  }

  fail(key: string, { code, message }: Pick<ApiError, "code" | "message">): void {
    this.#do({ fail: key, error: { code, message } });
  }

  /** What was written before there was a chat belongs to this one now. */
  assign(from: number, to: number): void {
    this.#do({ assign: from, to });
  }

  /** A change that another tab made. */
  apply(change: Change): void {
    if ("add" in change) {
      if (!this.has(change.add.key)) this.#set([...this.#list, change.add]);
    } else if ("remove" in change) {
      this.#forget(change.remove);
      this.#set(this.#list);
    } else if ("retry" in change) {
      this.#faults.delete(change.retry);
      this.#set(this.#list.map(({ error, ...queued }) => (error && queued.key !== change.retry ? { ...queued, error } : queued)));
    } else if ("fail" in change) {
      this.#set(this.#list.map((queued) => (queued.key === change.fail ? { ...queued, error: change.error } : queued)));
    } else {
      this.#set(this.#list.map((queued) => (queued.chat === change.assign ? { ...queued, chat: change.to } : queued)));
    }
    this.#pump();
  }

  /** Sends what waits from now on; what was on its way on an earlier connection is sent again. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#pump();
  }

  close(): void {
    this.#isOpen = false;
    for (const pause of this.#pauses.values()) clearTimeout(pause);
    this.#pauses.clear();
  }

  #do(change: Change): void {
    this.apply(change);
    this.#made(change);
  }

  #forget(key: string): void {
    this.#gone.add(key);
    if (this.#gone.size > MAX_GONE) this.#gone.delete(this.#gone.keys().next().value ?? "");
    this.#faults.delete(key);
  }

  /** Storage is shared: what another tab has put there meanwhile is kept. */
  #set(list: readonly Queued[]): void {
    const own = new Map(list.map((queued) => [queued.key, queued]));
    const stored = this.#shelf.load();
    // The order of the storage is the order for all tabs; what is not stored yet is the newest.
    const all = new Map([...stored.map((queued) => [queued.key, own.get(queued.key) ?? queued] as const), ...own]);
    this.#list = [...all.values()].filter(({ key }) => !this.#gone.has(key));
    this.#shelf.save(this.#list);
    this.#changed();
  }

  #pump(): void {
    if (!this.#isOpen) return;
    for (const chat of new Set(this.#list.map((queued) => queued.chat))) void this.#next(chat);
  }

  async #next(chat: number): Promise<void> {
    const queued = this.#list.find((one) => one.chat === chat && !one.error);
    if (!queued || chat === 0 || !this.#isOpen || this.#busy.has(chat) || this.#pauses.has(chat)) return;
    this.#busy.add(chat);
    let pause = 0;
    try {
      await this.#send(queued);
      this.remove(queued.key);
    } catch (cause) {
      pause = this.#refused(queued, asApiError(cause));
    } finally {
      this.#busy.delete(chat);
    }
    if (pause > 0 && this.#isOpen) this.#pauses.set(chat, setTimeout(() => this.#resume(chat), pause));
    else void this.#next(chat);
  }

  #resume(chat: number): void {
    this.#pauses.delete(chat);
    void this.#next(chat);
  }

  /** The time to wait before the next try of the chat; 0 to go on with the next message. */
  #refused(queued: Queued, error: ApiError): number {
    const faults = (this.#faults.get(queued.key) ?? 0) + (error.code === "internal" ? 1 : 0);
    this.#faults.set(queued.key, faults);
    if (!isPassing(error.code) || faults >= MAX_FAULTS) {
      this.fail(queued.key, error);
      return 0;
    }
    return Math.max(error.retryAfterMs, error.code === "rate_limited" ? 250 : AGAIN_MS);
  }
}
