export const LANGUAGES = ["en", "de", "es", "pt", "fr", "ru", "ar"] as const;
export type Language = (typeof LANGUAGES)[number];

const isKnown = (tag: string): tag is Language => (LANGUAGES as readonly string[]).includes(tag);
export const base = (tag: string): string => tag.toLowerCase().split(/[-_]/, 1)[0] ?? "";

/** The first language that the visitor asks for, the site allows and the widget has. */
export function chooseLanguage(wanted: readonly (string | null | undefined)[], allowed: readonly string[]): Language {
  const known = (allowed.length > 0 ? allowed : LANGUAGES).map(base).filter(isKnown);
  for (const tag of wanted) {
    const found = known.find((language) => language === base(tag ?? ""));
    if (found) return found;
  }
  return known[0] ?? "en";
}

export const isRightToLeft = (language: string): boolean => language === "ar";
