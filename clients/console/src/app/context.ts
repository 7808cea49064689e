import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Console } from "./console.ts";

export const ConsoleContext = createContext<Console | null>(null);

export function useConsole(): Console {
  const found = useContext(ConsoleContext);
  if (!found) throw new Error("nobody is signed in");
  return found;
}
