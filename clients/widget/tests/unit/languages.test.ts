import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Words, english, loadWords } from "../../src/panel/i18n.ts";
import { LANGUAGES, chooseLanguage } from "../../src/shared/language.ts";

type Texts = Record<string, string | Record<string, string>>;
const textsOf = (language: string): Texts => JSON.parse(readFileSync(join(import.meta.dirname, `../../locales/${language}.json`), "utf8")) as Texts;
const holes = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([hole]) => hole).sort();
const inEnglish = textsOf("en");

test.each(LANGUAGES)("%s has every text, every plural form, and the holes of the English text", (language) => {
  const texts = textsOf(language);
  expect(Object.keys(texts)).toEqual(Object.keys(inEnglish));
  const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  for (const [key, text] of Object.entries(texts)) {
    const original = inEnglish[key];
    if (typeof text === "string") expect(holes(text), key).toEqual(holes(String(original)));
    else for (const form of forms.filter((name) => name !== "many" || language === "ru" || language === "ar")) expect(text[form], `${key}.${form}`).toBeTruthy();
  }
});

test("counts take the form of their language", async () => {
  const russian = await loadWords("ru");
  expect([1, 3, 5, 21].map((count) => russian.count("newMessages", count))).toEqual(["1 новое", "3 новых", "5 новых", "21 новое"]);
  expect(english().count("unread", 1)).toBe("1 unread message");
});

test("days are named while they are near", () => {
  const now = new Date(2026, 10, 20, 15);
  const at = (days: number) => new Date(2026, 10, 20 - days, 9).toISOString();
  const words = english();
  expect([0, 1, 2].map((days) => words.day(at(days), now))).toEqual(["Today", "Yesterday", "Wednesday, November 18"]);
  expect(words.timeOrDay(at(3), now)).toBe("Nov 17");
});

test("the visitor's language is taken if the site allows it, else the site's first", () => {
  expect(chooseLanguage([null, "de-AT", "en"], [])).toBe("de");
  expect(chooseLanguage(["pt-BR"], ["en", "pt"])).toBe("pt");
  expect(chooseLanguage(["ja", "ru"], ["fr", "en"])).toBe("fr");
  expect(chooseLanguage(["ja"], [])).toBe("en");
  expect(chooseLanguage(["de"], ["tlh"])).toBe("en");
});

test("a name with braces fills nothing else", () => {
  expect(new Words("en", { ...JSON.parse(JSON.stringify(inEnglish)) }).say("typing", { name: "{count} $& {name}" })).toBe("{count} $& {name} is typing…");
});
