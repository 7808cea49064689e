import { fold } from "../menu/type-ahead.ts";

export interface Option {
  id: string;
  label: string;
  /** Also found by these words, as by an e-mail address. */
  keywords?: string;
  disabled?: boolean;
}

/** Those that have every word of the query at the beginning of a word, then those that have them elsewhere; the order is kept. */
export function filter<T extends Option>(options: readonly T[], query: string, limit = 100): T[] {
  const words = fold(query).split(/\s+/u).filter(Boolean);
  if (words.length === 0) return options.slice(0, limit);
  const first: T[] = [];
  const second: T[] = [];
  for (const option of options) {
    const text = ` ${fold(`${option.label} ${option.keywords ?? ""}`)}`;
    if (words.every((word) => text.includes(` ${word}`))) first.push(option);
    else if (words.every((word) => text.includes(word))) second.push(option);
  }
  return [...first, ...second].slice(0, limit);
}
