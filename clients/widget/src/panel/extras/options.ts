import type { PanelSettings } from "../../shared/bridge.ts";
import { parse } from "../../shared/colour.ts";
import { LANGUAGES, base } from "../../shared/language.ts";

/** What is wrong with the options of the tag, in words for whoever builds the page. The widget is as if these were left out. */
export function oddOptions({ theme, position, isolation, color, language }: PanelSettings, languages: readonly string[] = []): string[] {
  const spoken = languages.length > 0 ? languages : LANGUAGES;
  const odd: string[] = [];
  const check = (name: string, given: string | undefined, allowed: readonly string[], isGood = allowed.includes(`${given}`)) => {
    if (given && !isGood) odd.push(`${name} "${given}" is left out. It can be ${allowed.join(", ")}.`);
  };
  check("theme", theme, ["light", "dark", "auto"]);
  check("position", position, ["right", "left"]);
  check("isolation", isolation, ["shadow", "frame"]);
  check("color", color, ["#rrggbb"], parse(color) !== null);
  check("language", language, spoken, spoken.map(base).includes(base(`${language}`)));
  return odd;
}
