import { expect, test } from "vitest";
import { oddOptions } from "../../src/panel/extras/options.ts";
import type { PanelSettings } from "../../src/shared/bridge.ts";

const settings = (given: Record<string, unknown>) => ({ server: "https://chat.example/", site: "shop", known: null, ...given }) as unknown as PanelSettings;

test("good options, and those that are not given, are told nothing of", () => {
  expect(oddOptions(settings({}))).toEqual([]);
  expect(oddOptions(settings({ theme: "", color: "" }))).toEqual([]);
  expect(oddOptions(settings({ theme: "dark", position: "left", isolation: "frame", color: " #0F766E", language: "pt-BR" }))).toEqual([]);
});

test("a language is looked for in the site's list", () => {
  expect(oddOptions(settings({ language: "de" }), ["en", "de"])).toEqual([]);
  expect(oddOptions(settings({ language: "fr" }), ["en", "de"])).toEqual(['language "fr" is left out. It can be en, de.']);
});
