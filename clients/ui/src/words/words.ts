import { createContext } from "preact";
import { useContext } from "preact/hooks";

/** What the kit itself says. An app gives its own language by `<Words.Provider value={…}>`. */
export interface KitWords {
  close: string;
  dismiss: string;
  notifications: string;
  nothingFound: string;
  notLoaded: string;
  loading: string;
  results(count: number): string;
  presence: Record<"online" | "away" | "offline", string>;
}

export const english: KitWords = {
  close: "Close",
  dismiss: "Dismiss",
  notifications: "Notifications",
  nothingFound: "Nothing found",
  notLoaded: "Could not be loaded",
  loading: "Loading…",
  results: (count) => (count === 1 ? "1 result" : `${count} results`),
  presence: { online: "Online", away: "Away", offline: "Offline" },
};

export const Words = createContext<KitWords>(english);
export const useWords = (): KitWords => useContext(Words);
