import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { serveBuilt, setStage } from "./support.ts";

const clients = join(import.meta.dirname, "../../..");
const TYPES: Record<string, string> = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
const stage = setStage(serveBuilt);

/** The newcomer's page, with the console in its frame as the server has it there. */
async function newcomer(viewport: { width: number; height: number }): Promise<Page> {
  const page = await stage.browser.newPage({ viewport });
  for (const path of ["**/console/", "**/assets/console*"]) {
    await page.route(path, (route) => {
      const file = new URL(route.request().url()).pathname.replace(/\/$/, "/index.html");
      return route.fulfill({ body: readFileSync(join(clients, "dist", file)), contentType: TYPES[extname(file)] ?? "" });
    });
  }
  await page.goto(`${stage.origins.server}/index.html`);
  return page;
}

for (const [width, height] of [[1280, 720], [390, 844]] as const)
  test(`the newcomer's page opens at its beginning, ${width} x ${height}, and has the console`, async () => {
    const page = await newcomer({ width, height });
    await page.frameLocator("#operator").locator("input[name=email]").waitFor();
    await page.waitForLoadState("networkidle");
    expect(await page.evaluate("[scrollY, document.body.scrollHeight > innerHeight]")).toEqual([0, true]);
    await page.close();
  });
