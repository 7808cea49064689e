import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { gallery } from "./support.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const open = gallery();

/** What is open is looked at too. */
const VIEWS: Record<string, (page: Page) => Promise<unknown>> = {
  page: async () => undefined,
  menu: (page) => page.locator("[aria-haspopup=menu]").first().press("ArrowDown"),
  dialog: (page) => page.locator("[data-opens=dialog]").click(),
  combobox: (page) => page.getByRole("combobox").first().press("ArrowDown"),
  toasts: (page) => page.locator("[data-opens=toast]").click(),
  tooltip: async (page) => {
    await page.locator("[data-tip]").last().hover();
    await page.getByRole("tooltip").waitFor();
  },
  list: (page) => page.locator(".ui-list").press("ArrowDown"),
};

for (const language of ["en", "ar"] as const)
  for (const theme of ["light", "dark"] as const)
    test(`axe finds nothing: ${language}, ${theme}`, async () => {
      for (const [view, show] of Object.entries(VIEWS)) {
        const visit = await open({ theme, language, bypassCSP: true });
        await show(visit.page);
        await visit.page.waitForTimeout(300);
        await visit.page.evaluate(axe);
        const found = await visit.page.evaluate(
          `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html, failureSummary }) => html.slice(0, 160) + failureSummary.slice(0, 300)).join(" | ")))`,
        );
        expect(found, view).toEqual([]);
        await visit.close();
      }
    }, 120_000);

test("the page breaks nothing of the console's policy", async () => {
  const { page, said, close } = await open();
  for (const show of Object.values(VIEWS)) {
    await show(page);
    await page.keyboard.press("Escape");
  }
  expect(said).toEqual([]);
  await close();
});

test("a reader who wants no motion gets none", async () => {
  const { page, close } = await open({ reducedMotion: "reduce" });
  await page.locator("[data-opens=dialog]").click();
  const moving = await page.evaluate(() => document.getAnimations().filter((animation) => Number(animation.effect?.getComputedTiming().duration) > 1).length);
  expect(moving).toBe(0);
  await close();
});

test("without a theme of its own the page follows the system", async () => {
  const ground = (page: Page) => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await open({ theme: "system", colorScheme: "light" });
  const dark = await open({ theme: "system", colorScheme: "dark" });
  expect(await ground(light.page)).not.toBe(await ground(dark.page));
  await light.close();
  await dark.close();
});

test("nothing is wider than a phone", async () => {
  for (const language of ["en", "ar"] as const) {
    const { page, close } = await open({ language, viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await close();
  }
});

test("inputs have 16 px, so that a phone does not zoom", async () => {
  const { page, close } = await open();
  const sizes = await page.locator("input:not([type=checkbox]), textarea").evaluateAll((fields) => fields.map((field) => getComputedStyle(field).fontSize));
  expect(new Set(sizes)).toEqual(new Set(["16px"]));
  await close();
});
