import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { serveBuilt, setStage } from "./support.ts";

const clients = join(import.meta.dirname, "../../..");
const TYPES: Record<string, string> = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript" };
const stage = setStage(serveBuilt);

/** The newcomer's page, with the operator's half in its frame as the server has it there. */
async function newcomer(viewport: { width: number; height: number }, fragment = ""): Promise<Page> {
  const page = await stage.browser.newPage({ viewport });
  await page.route("**/demo/**", (route) => {
    const path = new URL(route.request().url()).pathname.replace(/\/$/, "/index.html");
    return route.fulfill({ body: readFileSync(join(clients, path)), contentType: TYPES[extname(path)] ?? "" });
  });
  await page.goto(`${stage.origins.server}/index.html${fragment}`);
  return page;
}

for (const [width, height] of [[1280, 720], [390, 844]] as const)
  for (const fragment of ["", "#demo=demo%40example.com:s3cr%3At"])
    test(`the newcomer's page opens at its beginning, ${width} x ${height}${fragment && ", with a login in its address"}`, async () => {
      const page = await newcomer({ width, height }, fragment);
      const operator = page.frameLocator("#operator");
      await expect.poll(() => operator.locator("#operator-password").inputValue()).toBe(fragment && "s3cr:t");
      await operator.locator("#operator-email").waitFor();
      // The operator's half is there alone.
      expect(await operator.locator("#visitor").isVisible()).toBe(false);
      await page.waitForLoadState("networkidle");
      expect(await page.evaluate("[scrollY, document.body.scrollHeight > innerHeight]")).toEqual([0, true]);
      await page.close();
    });
