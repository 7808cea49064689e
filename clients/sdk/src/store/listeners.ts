/** Listeners of one kind of news. Changes of one turn are told together. */
export class Listeners<T extends unknown[] = []> {
  #all = new Set<(...news: T) => void>();
  #isTelling = false;

  add(listener: (...news: T) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  tell(...news: T): void {
    for (const listener of this.#all) listener(...news);
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
