import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tokensFile } from "../../dev/tokens-file.ts";
import { AA, AA_SHAPE, contrast } from "../colour/colour.ts";
import { isShown, toRgb } from "../colour/oklch.ts";
import { tokensCss } from "./css.ts";
import { faceHues } from "./faces.ts";
import { colours, face, shapePairs, textPairs } from "./tokens.ts";

for (const theme of ["light", "dark"] as const) {
  const rgb = (name: keyof typeof colours) => toRgb(colours[name][theme]);
  const short = (pairs: typeof textPairs, wanted: number) =>
    pairs.map(([front, back]) => ({ pair: `${front} on ${back}`, has: contrast(rgb(front), rgb(back)) })).filter(({ has }) => has < wanted);

  test(`every text has a contrast of 4.5 on every ground it stands on (${theme})`, () => {
    expect(short(textPairs, AA)).toEqual([]);
  });

  test(`every shape that tells something has a contrast of 3 (${theme})`, () => {
    expect(short(shapePairs, AA_SHAPE)).toEqual([]);
  });

  test(`the letters of every face are legible (${theme})`, () => {
    for (const hue of faceHues) {
      const { ground, text } = face(hue);
      expect([isShown(ground[theme]), isShown(text[theme])], `${hue}`).toEqual([true, true]);
      expect(contrast(toRgb(ground[theme]), toRgb(text[theme])), `${hue}`).toBeGreaterThanOrEqual(AA);
    }
  });
}

test("tokens.css is what tokens.ts makes", () => {
  expect(readFileSync(join(import.meta.dirname, "tokens.css"), "utf8")).toBe(tokensFile());
});

test("a shadow root gets the same properties on its host", () => {
  expect(tokensCss(":host")).toContain(":host {\n  --ui-ground: light-dark(");
});
