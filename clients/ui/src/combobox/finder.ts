/** What a combobox shows for a query: from a list at once, from a server after a short pause and only if nothing newer was asked. */
import { type Signal, signal } from "@preact/signals";
import { type Option, filter } from "./filter.ts";

export type Load<T> = (query: string, signal: AbortSignal) => Promise<readonly T[]>;
export type Source<T> = readonly T[] | Load<T>;

export interface Found<T> {
  options: readonly T[];
  state: "done" | "waiting" | "failed";
}

const PAUSE = 120;

export class Finder<T extends Option> {
  /** While a newer query waits, what the last one found stays. */
  readonly found: Signal<Found<T>> = signal<Found<T>>({ options: [], state: "done" });
  #asked: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  find(source: Source<T>, query: string): void {
    this.stop();
    if (typeof source !== "function") {
      this.found.value = { options: filter(source, query), state: "done" };
      return;
    }
    this.found.value = { ...this.found.peek(), state: "waiting" };
    const asked = new AbortController();
    this.#asked = asked;
    this.#timer = setTimeout(() => void this.#load(source, query, asked.signal), query === "" ? 0 : PAUSE);
  }

  async #load(load: Load<T>, query: string, asked: AbortSignal): Promise<void> {
    let found: Found<T>;
    try {
      found = { options: await load(query, asked), state: "done" };
    } catch {
      found = { options: [], state: "failed" };
    }
    if (!asked.aborted) this.found.value = found;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#asked?.abort();
  }
}
