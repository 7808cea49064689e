const FORGOTTEN_AFTER = 600;

/** As a reader would look for it: without accents and capitals. */
export const fold = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** Finds an entry by its first letters. The same letter again goes on to the next. */
export class TypeAhead {
  #typed = "";
  #last = -Infinity;

  isTyping(now: number): boolean {
    return now - this.#last < FORGOTTEN_AFTER;
  }

  /** The index of what is meant, or -1. */
  find(letter: string, labels: readonly string[], from: number, now: number): number {
    this.#typed = this.isTyping(now) ? this.#typed + fold(letter) : fold(letter);
    this.#last = now;
    const isRepeated = [...this.#typed].every((one) => one === this.#typed[0]);
    const wanted = isRepeated ? (this.#typed[0] ?? "") : this.#typed;
    const first = isRepeated ? from + 1 : Math.max(from, 0);
    for (let step = 0; step < labels.length; step++) {
      const index = (first + step) % labels.length;
      if (fold(labels[index] ?? "").startsWith(wanted)) return index;
    }
    return -1;
  }
}
