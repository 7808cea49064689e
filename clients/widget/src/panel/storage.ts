/** What the widget itself keeps: drafts and choices. Memory until there is a session: a visitor who has not spoken leaves nothing behind. */
export class WidgetStorage {
  #prefix: string;
  #memory = new Map<string, string>();
  #isLasting = false;

  constructor(site: string) {
    this.#prefix = `switchboard.widget.${site}.`;
  }

  /** A session exists from now on: what was in memory is kept. */
  last(): void {
    if (this.#isLasting) return;
    this.#isLasting = true;
    for (const [key, value] of this.#memory) this.#write(key, value);
  }

  get(key: string): string | null {
    const known = this.#memory.get(key);
    if (known !== undefined) return known;
    try {
      return localStorage.getItem(this.#prefix + key);
    } catch {
      return null;
    }
  }

  set(key: string, value: string): void {
    this.#memory.set(key, value);
    if (this.#isLasting) this.#write(key, value);
  }

  /** Whether the page before, in this tab, has left the panel open. */
  get isLeftOpen(): boolean {
    try {
      return !!sessionStorage.getItem(this.#prefix + "open");
    } catch {
      return false;
    }
  }

  /** Another person sits here now: nothing of the one before stays. */
  clear(): void {
    this.#memory.clear();
    this.#isLasting = false;
    try {
      for (const key of Object.keys(localStorage)) if (key.startsWith(this.#prefix)) localStorage.removeItem(key);
    } catch {
      // Storage that is blocked holds nothing.
    }
  }

  #write(key: string, value: string): void {
    try {
      if (value === "") localStorage.removeItem(this.#prefix + key);
      else localStorage.setItem(this.#prefix + key, value);
    } catch {
      // Full or blocked: it stays in memory.
    }
  }
}
