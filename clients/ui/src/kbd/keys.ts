/** Keys are written as `mod+k` or `g i`: `mod` is Command on a Mac and Control elsewhere; a space parts keys that follow each other. */

const CAPS: Record<string, string> = { escape: "Esc", arrowUp: "↑", arrowDown: "↓", mod: "Ctrl" };
const MAC: Record<string, string> = { ...CAPS, mod: "⌘", shift: "⇧", enter: "↵" };

export const isMac = (): boolean => /Mac|iP/.test(navigator.platform);

/** A key's own name: `K`, `Enter`, `ArrowUp`. */
const named = (key: string): string => key.charAt(0).toUpperCase() + key.slice(1);

/** What each keycap shows. */
export const caps = (keys: string, mac: boolean): string[] => keys.split(/[+ ]/).map((key) => (mac ? MAC : CAPS)[key] ?? named(key));

/** For `aria-keyshortcuts`, which knows no keys that follow each other. */
export function keyShortcuts(keys: string, mac: boolean): string | undefined {
  if (!keys.includes(" ")) return keys.split("+").map((key) => (key === "mod" ? (mac ? "Meta" : "Control") : named(key))).join("+");
  return undefined;
}
