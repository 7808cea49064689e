/** Named timers: one that is set again is set anew. */
export class Timers {
  #running = new Map<string, ReturnType<typeof setTimeout>>();

  set(name: string, ms: number, run: () => void): void {
    this.clear(name);
    this.#running.set(
      name,
      setTimeout(() => {
        this.#running.delete(name);
        run();
      }, ms),
    );
  }

  /** Leaves one that runs already. */
  setOnce(name: string, ms: number, run: () => void): void {
    if (!this.#running.has(name)) this.set(name, ms, run);
  }

  clear(name: string): void {
    clearTimeout(this.#running.get(name));
    this.#running.delete(name);
  }

  clearAll(): void {
    for (const name of this.#running.keys()) this.clear(name);
  }
}
