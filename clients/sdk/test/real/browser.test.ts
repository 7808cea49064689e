// The SDK in Chromium, built, on a real server: tabs, a network that goes silent, a network without WebSockets.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Visitor } from "../../src/index.ts";
import { until, url } from "./server.ts";

const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
// Pages that a test fulfils have no address, and may not open sockets to this machine unless they are let.
const args = ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"];
const root = new URL("../..", import.meta.url);
const isBuilt = existsSync(new URL("dist/index.js", root));

declare global {
  interface Window {
    chat: Visitor;
  }
}

const html = `<!doctype html><title>chat</title><script type="module">
  import { visitor } from "/sdk/dist/index.js";
  window.chat = visitor({ url: location.origin, site: "default" });
  window.chat.start();
</script>`;

describe.runIf(url !== "" && chromium && isBuilt)("in Chromium", { timeout: 60_000 }, () => {
  let browser: Browser;
  let context: BrowserContext;
  let sockets: string[] = [];

  beforeAll(async () => {
    const { chromium: engine } = await import("playwright-core");
    browser = await engine.launch({ executablePath: chromium ?? "", args });
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    sockets = [];
    context = await browser.newContext();
    await context.route(`${url}/sdk/**`, (route) => {
      const { pathname } = new URL(route.request().url());
      if (pathname === "/sdk/page.html") return route.fulfill({ contentType: "text/html", body: html });
      return route.fulfill({ path: fileURLToPath(new URL(pathname.replace("/sdk/", ""), root)) });
    });
  });
  afterEach(() => context.close());

  async function tab(): Promise<Page> {
    const page = await context.newPage();
    page.on("websocket", (socket) => sockets.push(socket.url()));
    await page.goto(`${url}/sdk/page.html`);
    await page.waitForFunction(() => window.chat);
    return page;
  }

  const send = (page: Page, body: string) => page.evaluate((text) => window.chat.send(text), body);
  const look = (page: Page) =>
    page.evaluate(() => {
      const { connection, isLeader, conversations } = window.chat.snapshot();
      return { ...connection, isLeader, shown: conversations[0]?.messages.map(({ body, tick }) => `${body} ${tick}`) ?? [] };
    });

  test("eight tabs have one socket; when the leader dies another leads within a second", async () => {
    const first = await tab();
    await send(first, "Hello");
    await until(async () => expect((await look(first)).shown).toEqual(["Hello sent"]));
    const others: Page[] = [];
    for (let index = 0; index < 7; index++) others.push(await tab());
    for (const page of others) await until(async () => expect(await look(page)).toMatchObject({ state: "live", shown: ["Hello sent"] }));
    expect(sockets).toHaveLength(1);
    const began = Date.now();
    await first.close();
    await until(async () => {
      const all = await Promise.all(others.map(look));
      expect(all.filter(({ isLeader }) => isLeader)).toMatchObject([{ state: "live" }]);
    });
    expect(Date.now() - began).toBeLessThan(1_000);
    const last = others.at(-1);
    if (!last) throw new Error("there is no tab");
    await send(last, "from the last");
    for (const page of others) await until(async () => expect((await look(page)).shown).toEqual(["Hello sent", "from the last sent"]));
    expect(sockets).toHaveLength(2);
  });

  test("a network that goes is found by the ping; what was written meanwhile is sent once", async () => {
    const page = await tab();
    await send(page, "Hello");
    await until(async () => expect(await look(page)).toMatchObject({ state: "live", shown: ["Hello sent"] }));
    await context.setOffline(true);
    await send(page, "offline");
    await until(async () => expect((await look(page)).state).not.toBe("live"));
    expect((await look(page)).shown).toEqual(["Hello sent", "offline queued"]);
    await context.setOffline(false);
    await until(async () => expect(await look(page)).toMatchObject({ state: "live", shown: ["Hello sent", "offline sent"] }));
  });

  test("a network without WebSockets", async () => {
    await context.routeWebSocket(/\/channel\/ws/, (socket) => socket.close({ code: 1011, reason: "" }));
    const page = await tab();
    await send(page, "Hello");
    await until(async () => expect(await look(page)).toMatchObject({ state: "live", transport: "sse", shown: ["Hello sent"] }));
  });

  test("nothing is stored before a word, and a reload has what was said", async () => {
    const page = await tab();
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
    await send(page, "Hello");
    await until(async () => expect((await look(page)).shown).toEqual(["Hello sent"]));
    await until(async () => expect(await page.evaluate(() => Object.keys(localStorage).join())).toContain("cache"));
    await page.reload();
    await page.waitForFunction(() => window.chat);
    expect((await look(page)).shown).toEqual(["Hello sent"]);
  });
});
