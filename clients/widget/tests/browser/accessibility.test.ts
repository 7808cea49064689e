import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Origins } from "../../dev/server.ts";
import { launch, openPanel, serveStub, visit } from "./support.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let browser: Browser;
let origins: Origins;
beforeAll(async () => {
  origins = await serveStub();
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  origins.close();
});

const VIEWS = ["empty", "talk", "unread-ffe14d", "typing-e11d48", "failed", "offline-7c3aed", "prechat", "away-f59e0b", "awaytalk-111111", "closed-0f766e", "loading", "hostile", "list", "menu"];

for (const language of ["en", "ar"])
  for (const colorScheme of ["light", "dark"] as const)
    test(`axe finds nothing: ${language}, ${colorScheme}`, async () => {
      for (const view of VIEWS) {
        const visited = await visit(browser, origins, { page: "shop", query: { site: view === "menu" ? "list" : view, language }, colorScheme, reducedMotion: "reduce", bypassCSP: true });
        await openPanel(visited);
        const { page, panel } = visited;
        if (view === "list" || view === "menu") await panel.locator("[aria-controls=menu]").click();
        if (view === "list") await panel.getByRole("menuitem").first().click();
        await page.evaluate(axe);
        const found = await page.evaluate(`axe.run("switchboard-widget", { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html, failureSummary }) => html.slice(0, 160) + failureSummary.slice(0, 300)).join(" | ")))`);
        expect(found, view).toEqual([]);
        await visited.close();
      }
    }, 120_000);
