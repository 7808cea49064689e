/** Keys are written as `mod+k` or `g i`: `mod` is Command on a Mac and Control elsewhere; a space parts keys that follow each other. */

const MAC: Record<string, string> = { mod: "⌘", shift: "⇧", enter: "↵", backspace: "⌫" };
const OTHER: Record<string, string> = { mod: "Ctrl", shift: "Shift", enter: "Enter", backspace: "Backspace" };
const BOTH: Record<string, string> = { escape: "Esc", up: "↑", down: "↓", space: "Space" };

export const isMac = (): boolean => /Mac|iP(?:hone|ad|od)/.test(navigator.platform);

/** What each keycap shows. */
export function caps(keys: string, mac: boolean): string[] {
  const names = { ...BOTH, ...(mac ? MAC : OTHER) };
  return keys.split(/[+ ]/).map((key) => names[key] ?? key.toUpperCase());
}

const SPOKEN: Record<string, string> = { shift: "Shift", enter: "Enter", escape: "Escape", up: "ArrowUp", down: "ArrowDown", space: "Space", backspace: "Backspace" };

/** For `aria-keyshortcuts`, which knows no keys that follow each other. */
export function keyShortcuts(keys: string, mac: boolean): string | undefined {
  if (keys.includes(" ")) return undefined;
  return keys.split("+").map((key) => (key === "mod" ? (mac ? "Meta" : "Control") : (SPOKEN[key] ?? key.toUpperCase()))).join("+");
}
