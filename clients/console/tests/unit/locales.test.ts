import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LANGUAGES } from "../../src/words/language.ts";

type Text = string | Partial<Record<Intl.LDMLPluralRule, string>>;
const folder = join(import.meta.dirname, "../../locales");
const read = (language: string) => JSON.parse(readFileSync(join(folder, `${language}.json`), "utf8")) as Record<string, Text>;
const english = read("en");
const blanks = (text: Text | undefined): string[] => [...new Set(JSON.stringify(text).match(/\{\w+\}/g) ?? [])].toSorted();

test("there is a file for each language, and no other", () => {
  expect(readdirSync(folder).toSorted()).toEqual(LANGUAGES.map((one) => `${one}.json`).toSorted());
});

test.each(LANGUAGES)("%s has every text, with its blanks and its plurals", (language) => {
  const texts = read(language);
  expect(Object.keys(texts)).toEqual(Object.keys(english));
  const wanted = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  for (const [key, text] of Object.entries(texts)) {
    expect(typeof text, key).toBe(typeof english[key]);
    // A form for one thing may do without its figure.
    if (typeof text === "string") expect(blanks(text), key).toEqual(blanks(english[key]));
    else {
      // Spanish, French and Portuguese have a form for millions, of which nothing here is counted.
      const missing = wanted.filter((form) => !(form in text) && form !== "many" && form !== "zero");
      expect(missing, key).toEqual([]);
      expect(text.other, key).toBeTruthy();
    }
  }
});
