import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { openPanel, serveStub, setStage } from "./support.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const stage = setStage(serveStub);

const VIEWS = ["empty", "talk", "unread-ffe14d", "typing-e11d48", "failed", "offline-7c3aed", "prechat", "away-f59e0b", "awaytalk-111111", "closed-0f766e", "loading", "hostile", "list", "menu"];
/** With the panel closed. */
const PREVIEWS = ["unread", "unread-ffe14d", "hostileunread-111111"];

for (const language of ["en", "ar"])
  for (const colorScheme of ["light", "dark"] as const)
    test(`axe finds nothing: ${language}, ${colorScheme}`, async () => {
      for (const view of [...VIEWS, ...PREVIEWS.map((site) => `preview ${site}`)]) {
        const site = view === "menu" ? "list" : view.replace("preview ", "");
        const visited = await stage.visit({ page: "shop", query: { site, language }, colorScheme, reducedMotion: "reduce", bypassCSP: true });
        const { page, panel, launcher } = visited;
        if (view.startsWith("preview")) {
          await launcher.hover();
          await expect.poll(() => panel.locator(".preview").getByRole("status").textContent()).not.toBe("");
        } else await openPanel(visited);
        if (view === "list" || view === "menu") await panel.locator("[aria-controls=menu]").click();
        if (view === "list") await panel.getByRole("menuitem").first().click();
        await page.evaluate(axe);
        const found = await page.evaluate(`axe.run("switchboard-widget", { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html, failureSummary }) => html.slice(0, 160) + failureSummary.slice(0, 300)).join(" | ")))`);
        expect(found, view).toEqual([]);
        await visited.close();
      }
    }, 120_000);
