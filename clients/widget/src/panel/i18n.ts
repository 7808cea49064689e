import en from "../../locales/en.json";
import type { Language } from "../shared/language.ts";

export type Locale = typeof en;
export type Key = keyof Locale;
export type PluralKey = { [K in Key]: Locale[K] extends string ? never : K }[Key];
export type PlainKey = Exclude<Key, PluralKey>;
/** Other languages have more forms than English, such as Russian's `few`. */
type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };
/** A locale in full: a file that lacks a key is a type error. */
export type Translation = { [K in Key]: K extends PluralKey ? Forms : string };

const OTHERS: Record<Exclude<Language, "en">, () => Promise<{ default: Translation }>> = {
  de: () => import("../../locales/de.json"),
  es: () => import("../../locales/es.json"),
  pt: () => import("../../locales/pt.json"),
  fr: () => import("../../locales/fr.json"),
  ru: () => import("../../locales/ru.json"),
  ar: () => import("../../locales/ar.json"),
};

const DAY_MS = 86_400_000;
const midnight = (time: Date): number => new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();

/** The words, dates and numbers of one language. */
export class Words {
  readonly language: Language;
  #texts: Translation;
  #number: Intl.NumberFormat;
  #plural: Intl.PluralRules;
  #time: Intl.DateTimeFormat;
  #date: Intl.DateTimeFormat;
  #short: Intl.DateTimeFormat;
  #relative: Intl.RelativeTimeFormat;

  constructor(language: Language, texts: Translation) {
    this.language = language;
    this.#texts = texts;
    this.#number = new Intl.NumberFormat(language);
    this.#plural = new Intl.PluralRules(language);
    this.#time = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" });
    this.#date = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });
    this.#short = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
    this.#relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  }

  say(key: PlainKey, values: Record<string, string> = {}): string {
    return fill(this.#texts[key], values);
  }

  count(key: PluralKey, count: number): string {
    const forms: Forms = this.#texts[key];
    return fill(forms[this.#plural.select(count)] ?? forms.other, { count: this.#number.format(count) });
  }

  /** In the round badge there is place for two digits. */
  badge(count: number): string {
    return count > 99 ? `${this.#number.format(99)}+` : this.#number.format(count);
  }

  time(at: string): string {
    return this.#time.format(new Date(at));
  }

  /** Today, yesterday, or the date. */
  day(at: string, now = new Date()): string {
    const days = Math.round((midnight(new Date(at)) - midnight(now)) / DAY_MS);
    const text = days === 0 || days === -1 ? this.#relative.format(days, "day") : this.#date.format(new Date(at));
    return text.charAt(0).toLocaleUpperCase(this.language) + text.slice(1);
  }

  timeOrDay(at: string, now = new Date()): string {
    return midnight(new Date(at)) === midnight(now) ? this.time(at) : this.#short.format(new Date(at));
  }
}

const fill = (text: string, values: Record<string, string>): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);

export const english = (): Words => new Words("en", en);

/** The words of a language; English while its file does not come. */
export async function loadWords(language: Language): Promise<Words> {
  if (language === "en") return english();
  try {
    return new Words(language, (await OTHERS[language]()).default);
  } catch {
    return english();
  }
}
