/** Listeners of one kind of news. Changes of one turn are told together. */
export class Listeners<T extends unknown[] = []> {
  #all = new Set<(...news: T) => void>();
  #isTelling = false;

  add(listener: (...news: T) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  tell(...news: T): void {
    for (const listener of this.#all) {
      try {
        listener(...news);
      } catch (error) {
        // A mistake of the page's own is reported, and does not stop what tells of the news.
        (globalThis.reportError ?? console.error)(error);
      }
    }
  }

  tellSoon(...news: T): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      this.tell(...news);
    });
  }

  clear(): void {
    this.#all.clear();
  }
}
