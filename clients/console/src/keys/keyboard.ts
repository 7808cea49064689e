/** Hears the keys of the whole page. Single keys are dead in fields, and while something is laid over the page. */
import type { Console } from "../app/console.ts";
import { type Command, COMMANDS } from "./commands.ts";

const SEQUENCE_MS = 1_200;

/** How the table of commands writes what was pressed. */
function pressed(event: KeyboardEvent): string {
  const isMod = event.ctrlKey || event.metaKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key.charAt(0).toLowerCase() + event.key.slice(1);
  const isLetter = /^\p{L}$/u.test(key);
  // Other layouts have other letters on the same keys.
  const latin = isLetter && !/^[a-z]$/.test(key) ? /^Key([A-Z])$/.exec(event.code)?.[1]?.toLowerCase() ?? key : key;
  const hasShift = event.shiftKey && isLetter;
  return `${isMod ? "mod+" : ""}${hasShift ? "shift+" : ""}${latin}`;
}

const isField = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio]), textarea, select"));

/** Buttons and links take Enter themselves. */
const takesEnter = (target: EventTarget | null): boolean => target instanceof Element && target.closest("button, a, summary, [role=option], [role=tab], [role=listbox], input") !== null;

export function listen(console: Console): () => void {
  let before = "";
  let beforeAt = 0;
  const hear = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229 || event.altKey) return;
    const now = pressed(event);
    const isLaidOver = document.querySelector("dialog:modal") !== null;
    if (isLaidOver) {
      if (now === "mod+k") event.preventDefault();
      return;
    }
    const inField = isField(event.target);
    if (inField && now !== "mod+k" && now !== "escape") return;
    if (inField && now === "escape") {
      leaveField(event.target as HTMLElement, console);
      event.preventDefault();
      return;
    }
    const sequence = event.timeStamp - beforeAt < SEQUENCE_MS && before !== "" ? `${before} ${now}` : "";
    const found = find(sequence) ?? find(now);
    before = !found && COMMANDS.some(({ keys }) => keys?.startsWith(`${now} `)) ? now : "";
    beforeAt = event.timeStamp;
    if (!found || (now === "enter" && takesEnter(event.target))) return;
    if (found.can && !found.can(console)) return;
    event.preventDefault();
    found.run(console);
  };
  document.addEventListener("keydown", hear);
  return () => document.removeEventListener("keydown", hear);
}

const find = (keys: string): Command | undefined => (keys === "" ? undefined : COMMANDS.find((one) => one.keys === keys));

/** Escape leaves a field with what is in it, and goes to the list. */
function leaveField(field: HTMLElement, console: Console): void {
  field.blur();
  console.list?.focus();
}
