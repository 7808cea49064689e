/** What an operator has chosen on this browser. */
import { type Signal, signal } from "@preact/signals";
import { setTheme, type Theme } from "@switchboard/ui";
import { onOtherTab, readJson, write } from "../app/keep.ts";
import type { Sort } from "../lists/filters.ts";
import { isLanguage, type Language, preferred } from "../words/language.ts";
import { speak } from "../words/words.ts";

export interface Settings {
  theme: Theme;
  /** Null: as the browser says. */
  language: Language | null;
  /** A sound for new messages of visitors. */
  sound: boolean;
  notifications: boolean;
  /** Enter sends; otherwise Ctrl or Cmd + Enter. */
  enterSends: boolean;
  showsVisitor: boolean;
  sorts: Partial<Record<string, Sort>>;
}

const NAME = "settings";
const USUAL: Settings = { theme: "system", language: null, sound: true, notifications: false, enterSends: true, showsVisitor: true, sorts: {} };

const isSettings = (value: unknown): value is Partial<Settings> => typeof value === "object" && value !== null && !Array.isArray(value);
const load = (): Settings => {
  const read = { ...USUAL, ...readJson(NAME, isSettings) };
  return { ...read, language: read.language && isLanguage(read.language) ? read.language : null };
};

export const settings: Signal<Settings> = signal(load());

export function change(some: Partial<Settings>): void {
  settings.value = { ...settings.value, ...some };
  write(NAME, JSON.stringify(settings.value));
  if (some.theme) setTheme(some.theme);
  if ("language" in some) void speak(some.language ?? preferred());
}

/** At the start, before anything is shown. */
export async function apply(): Promise<void> {
  setTheme(settings.value.theme);
  await speak(settings.value.language ?? preferred());
}

onOtherTab(NAME, () => {
  settings.value = load();
  void apply();
});
