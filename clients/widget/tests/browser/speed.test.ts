/** The measures of clients.md that one browser can take. They are printed; what fails is far from the target, not near it. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Origins } from "../../dev/server.ts";
import { launch, serveBuilt, serveStub, visit } from "./support.ts";

let browser: Browser;
let built: Origins;
let stubbed: Origins;
beforeAll(async () => {
  [built, stubbed, browser] = await Promise.all([serveBuilt(), serveStub(), launch()]);
});
afterAll(async () => {
  await browser.close();
  built.close();
  stubbed.close();
});

test("the panel opens within 2 s on slow 3G, though nobody hovered before", async () => {
  const visited = await visit(browser, built, { query: { site: "default" } });
  await visited.launcher.waitFor();
  const network = await visited.page.context().newCDPSession(visited.page);
  await network.send("Network.enable");
  await network.send("Network.emulateNetworkConditions", { offline: false, latency: 400, downloadThroughput: 50_000, uploadThroughput: 50_000 });
  const took = await visited.page.evaluate(async () => {
    const start = performance.now();
    (window as unknown as { switchboard(command: string): void }).switchboard("open");
    const root = document.querySelector("switchboard-widget")?.shadowRoot;
    while (!root?.querySelector(".open textarea")) await new Promise(requestAnimationFrame);
    return performance.now() - start;
  });
  console.info(`panel open on slow 3G (400 ms, 400 kbit/s): ${Math.round(took)} ms`);
  expect(took).toBeLessThan(2_000);
  await visited.close();
});

test("opening, typing, sending and switching answer within 100 ms at a quarter of the speed", async () => {
  const visited = await visit(browser, stubbed, { query: { site: "list" } });
  const { page, panel, launcher } = visited;
  await launcher.waitFor();
  const processor = await page.context().newCDPSession(page);
  await processor.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  await page.evaluate(`
    window.slowest = {};
    new PerformanceObserver((list) => {
      for (const { name, duration, interactionId } of list.getEntries())
        if (interactionId) slowest[name] = Math.max(slowest[name] ?? 0, duration);
    }).observe({ type: "event", durationThreshold: 16, buffered: true });`);
  await launcher.click();
  const field = panel.locator("textarea");
  await field.waitFor();
  await field.click();
  await page.keyboard.type("Where is my lamp?", { delay: 40 });
  await page.keyboard.press("Enter");
  await panel.locator(".mine .body", { hasText: "Where is my lamp?" }).waitFor();
  await panel.getByRole("button", { name: "Menu" }).click();
  await panel.getByRole("menuitem").first().click();
  await panel.locator(".entry").nth(1).click();
  await panel.locator(".body", { hasText: "The invoice" }).waitFor();
  const slowest = (await page.evaluate("slowest")) as Record<string, number>;
  console.info("slowest interactions at CPU / 4, in ms:", JSON.stringify(slowest));
  expect(Math.max(0, ...Object.values(slowest))).toBeLessThanOrEqual(200);
  await visited.close();
});
