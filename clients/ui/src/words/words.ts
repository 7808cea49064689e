import { createContext } from "preact";
import { useContext } from "preact/hooks";

/** What the kit itself says. It has no texts: an app gives those of its language by `<Words.Provider value={…}>`. */
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

export const Words = createContext<KitWords | null>(null);

export function useWords(): KitWords {
  const words = useContext(Words);
  if (!words) throw new Error("no <Words.Provider> around the kit");
  return words;
}
