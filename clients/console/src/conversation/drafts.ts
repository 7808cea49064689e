/** What was begun and not sent: for each conversation and each mode, stored within 300 ms, and at once where the page goes. */
import { signal } from "@preact/signals";
import { names, read, remove, write } from "../app/keep.ts";

export type Mode = "reply" | "note";

const SAVE_MS = 300;

export class Drafts {
  /** Counts changes of whether there is a draft. */
  readonly changed = signal<ReadonlySet<number>>(new Set());
  #prefix: string;
  #unsaved = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = new AbortController();
  #noted: (chat: number) => void;

  constructor(account: number, noted: (chat: number) => void) {
    this.#prefix = `draft.${account}.`;
    this.#noted = noted;
    this.changed.value = new Set(names(this.#prefix).map((name) => Number(name.slice(this.#prefix.length).split(".")[0])));
    const { signal: ended } = this.#ended;
    addEventListener("pagehide", () => this.flush(), { signal: ended });
    document.addEventListener("visibilitychange", () => document.hidden && this.flush(), { signal: ended });
  }

  has(chat: number): boolean {
    return this.changed.peek().has(chat);
  }

  get count(): number {
    return this.changed.peek().size;
  }

  read(chat: number, mode: Mode): string {
    const name = this.#name(chat, mode);
    return this.#unsaved.get(name) ?? read(name) ?? "";
  }

  set(chat: number, mode: Mode, text: string): void {
    const name = this.#name(chat, mode);
    if (text.trim() === "") {
      this.#unsaved.delete(name);
      remove(name);
    } else {
      this.#unsaved.set(name, text);
      this.#timer ??= setTimeout(() => this.flush(), SAVE_MS);
    }
    const is = text.trim() !== "" || this.read(chat, mode === "note" ? "reply" : "note") !== "";
    if (is === this.has(chat)) return;
    const next = new Set(this.changed.peek());
    if (is) next.add(chat);
    else next.delete(chat);
    this.changed.value = next;
    this.#noted(chat);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [name, text] of this.#unsaved) write(name, text);
    this.#unsaved.clear();
  }

  stop(): void {
    this.flush();
    this.#ended.abort();
  }

  #name = (chat: number, mode: Mode): string => `${this.#prefix}${chat}.${mode}`;
}
