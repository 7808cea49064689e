/** The console's texts in the reader's language. English is a part of the first script, the others are loaded. */
import { signal } from "@preact/signals";
import type { KitWords } from "@switchboard/ui";
import en from "../../locales/en.json";
import type { Language } from "./language.ts";
import { Times } from "./times.ts";

type Locale = typeof en;
export type Key = keyof Locale;
export type PluralKey = { [K in Key]: Locale[K] extends string ? never : K }[Key];
export type PlainKey = Exclude<Key, PluralKey>;
type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };
/** A locale in full: a file that lacks a key is a type error. */
export type Translation = { [K in Key]: K extends PluralKey ? Forms : string };

const OTHERS: Record<Exclude<Language, "en">, () => Promise<{ default: Translation }>> = {
  de: () => import("../../locales/de.json"),
  es: () => import("../../locales/es.json"),
  fr: () => import("../../locales/fr.json"),
  pt: () => import("../../locales/pt.json"),
  ru: () => import("../../locales/ru.json"),
  ar: () => import("../../locales/ar.json"),
};

interface Spoken {
  language: Language;
  texts: Translation;
  plurals: Intl.PluralRules;
  numbers: Intl.NumberFormat;
  times: Times;
}

const spoken = (language: Language, texts: Translation): Spoken => ({
  language,
  texts,
  plurals: new Intl.PluralRules(language),
  numbers: new Intl.NumberFormat(language),
  times: new Times(language),
});

const current = signal<Spoken>(spoken("en", en));

const fill = (text: string, values: Record<string, string>): string => text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);

export const t = (key: PlainKey, values: Record<string, string> = {}): string => fill(current.value.texts[key], values);

export function many(key: PluralKey, count: number, values: Record<string, string> = {}): string {
  const { texts, plurals, numbers } = current.value;
  const forms: Forms = texts[key];
  return fill(forms[plurals.select(count)] ?? forms.other, { count: numbers.format(count), ...values });
}

export const number = (count: number): string => current.value.numbers.format(count);
export const times = (): Times => current.value.times;
export const language = (): Language => current.value.language;

/** False where the file did not come: the language before stays. */
export async function speak(wanted: Language): Promise<boolean> {
  try {
    current.value = spoken(wanted, wanted === "en" ? en : (await OTHERS[wanted]()).default);
  } catch {
    return false;
  }
  document.documentElement.lang = wanted;
  document.documentElement.dir = wanted === "ar" ? "rtl" : "ltr";
  return true;
}

export const kitWords = (): KitWords => ({
  close: t("close"),
  dismiss: t("dismiss"),
  notifications: t("notifications"),
  nothingFound: t("nothingFound"),
  notLoaded: t("notLoaded"),
  loading: t("loading"),
  results: (count) => many("results", count),
  presence: { online: t("online"), away: t("away"), offline: t("off") },
});
