import { expect, test } from "vitest";
import { openPanel, serveStub, setStage } from "./support.ts";

const stage = setStage(serveStub);

const BOX = { x: 768, y: 80, width: 392, height: 688 };

for (const name of ["unset", "tiny-rem", "transformed", "rtl", "overlay", "blocked-storage", "strict-dynamic", "trusted-types"]) {
  test(`the panel has its place, its size and its type on the page ${name}`, async () => {
    const visited = await stage.visit({ page: name });
    await openPanel(visited);
    const { page, panel, said } = visited;
    await page.waitForFunction(() => document.querySelector("switchboard-widget")?.shadowRoot?.querySelector(".box")?.getAnimations().length === 0);
    expect(await panel.boundingBox()).toEqual(BOX);
    const title = panel.locator("h2");
    expect(await title.evaluate((element) => getComputedStyle(element).fontSize)).toBe("16px");
    expect(await title.evaluate((element) => getComputedStyle(element).textTransform)).toBe("none");
    expect(await panel.locator(".body").first().evaluate((element) => getComputedStyle(element).display)).toBe("block");
    await panel.locator("textarea").fill("Hello");
    await panel.locator(".send").click();
    await panel.locator(".mine .body", { hasText: "Hello" }).waitFor();
    expect(said).toEqual([]);
    await visited.close();
  });
}

test("what the visitor types is no shortcut of the page, and the page's focus trap lets go", async () => {
  const visited = await stage.visit({ page: "shortcuts" });
  await openPanel(visited);
  await visited.panel.locator("textarea").click();
  await visited.page.keyboard.type("yes / no");
  expect(await visited.panel.locator("textarea").inputValue()).toBe("yes / no");
  expect(await visited.page.evaluate("keys")).toEqual([]);
  await visited.close();
});

test("an element that the page removes comes back with what was written, but not for ever", async () => {
  const visited = await stage.visit({ page: "removes" });
  const { page, panel, said } = visited;
  await openPanel(visited);
  await panel.locator("textarea").fill("half a sent");
  await page.evaluate("remove()");
  await expect.poll(() => panel.locator("textarea").inputValue()).toBe("half a sent");
  const log = panel.locator(".log");
  await expect.poll(() => log.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight)).toBeLessThan(2);
  await page.evaluate("new MutationObserver(remove).observe(document.documentElement, { childList: true }); remove()");
  await expect.poll(() => said.some((text) => text.includes("keeps removing"))).toBe(true);
  expect(await page.evaluate("removals")).toBeLessThan(15);
  await visited.close();
});

test("two tags make one widget and a warning", async () => {
  const visited = await stage.visit({ page: "twice" });
  await openPanel(visited);
  expect(await visited.page.locator("switchboard-widget").count()).toBe(1);
  expect(visited.said.filter((text) => text.includes("twice")).length).toBe(1);
  await visited.close();
});

test("a body that is swapped, tag and all, leaves the widget where it was", async () => {
  const visited = await stage.visit({ page: "body-swap" });
  const { page, panel, said } = visited;
  await openPanel(visited);
  await panel.locator("textarea").fill("draft");
  const loaded = page.waitForResponse((response) => response.url().endsWith("/widget.js"));
  await page.evaluate("swap()");
  await loaded;
  await page.locator("body", { hasText: "The next page" }).waitFor();
  expect(await panel.locator("textarea").inputValue()).toBe("draft");
  expect(await page.locator("switchboard-widget").count()).toBe(1);
  expect(said.filter((text) => text.includes("twice"))).toEqual([]);
  await visited.close();
});

test("calls that were made before the loader came are run in order", async () => {
  const visited = await stage.visit({ page: "queued", query: { site: "unread" } });
  await visited.panel.locator("textarea").waitFor();
  await expect.poll(() => visited.page.evaluate("seen")).toEqual(["open", 3]);
  await expect.poll(() => visited.page.evaluate("stub.calls")).toContainEqual(["setProfile", { name: "Ana", metadata: { plan: "pro" } }]);
  await visited.close();
});

test("a site that does not allow the page, and a key that is none, are said in the console and show nothing", async () => {
  for (const [site, words] of [["blocked", (page: string) => `the site "blocked" does not allow pages of ${page}. Allow them: make admin ARGS="site allow --key blocked --origin ${page}" (see docs/widget.md).`], ["none", () => 'there is no site "none"']] as const) {
    const visited = await stage.visit({ query: { site } });
    await expect.poll(() => visited.said.join("\n")).toContain(words(stage.origins.page));
    expect(await visited.page.locator("switchboard-widget").count()).toBe(0);
    await visited.close();
  }
});

test("a tag that names no site says so where nothing boots, and only there", async () => {
  const tag = { url: `${stage.origins.server}/widget.js` };
  const [silent, booted] = await Promise.all([stage.visit({ query: { bare: "" } }), stage.visit({ query: { bare: "" } })]);
  await Promise.all([silent.page.addScriptTag(tag), booted.page.addScriptTag(tag)]);
  await booted.page.evaluate("switchboard('boot', { site: 'empty' })");
  await expect.poll(() => silent.said, { timeout: 6_000 }).toEqual(["Switchboard: name a site, with data-site or in boot."]);
  expect(await silent.page.locator("switchboard-widget").count()).toBe(0);
  await booted.launcher.waitFor();
  expect(booted.said).toEqual([]);
  await Promise.all([silent.close(), booted.close()]);
});

test("an answer that is no JSON shows no launcher, yet the page's own button opens the panel", async () => {
  const visited = await stage.visit({ query: { site: "broken" } });
  await visited.page.waitForResponse((response) => response.url().includes("/chat/sites/"));
  expect(await visited.launcher.isVisible()).toBe(false);
  await visited.page.locator("#help").click();
  await visited.panel.locator("textarea").waitFor();
  await visited.close();
});

test("nothing is stored and no panel is loaded before the visitor comes near", async () => {
  const visited = await stage.visit({ query: { site: "empty" } });
  await visited.launcher.waitFor();
  expect(await visited.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")).toEqual([0, 0, ""]);
  expect(visited.requests.filter((url) => url.includes("/assets/"))).toEqual([]);
  await visited.launcher.hover();
  await expect.poll(() => visited.requests.some((url) => url.includes("/assets/widget-"))).toBe(true);
  expect(await visited.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")).toEqual([0, 0, ""]);
  await visited.close();
});

test("a browser with a session loads the panel on the next page by itself", async () => {
  const visited = await stage.visit({ query: { site: "unread" } });
  await openPanel(visited);
  await visited.page.evaluate("switchboard('close')");
  await visited.page.reload();
  await visited.page.locator(".unread .launcher").waitFor();
  expect(await visited.page.locator(".badge").textContent()).toBe("3");
  await visited.close();
});

test("a panel that is loaded before it is wanted is not seen coming", async () => {
  const visited = await stage.visit({ query: { site: "talk" } });
  const { page, panel, launcher } = visited;
  await launcher.waitFor();
  await page.evaluate(() => {
    const root = document.querySelector("switchboard-widget")?.shadowRoot;
    const box = root?.querySelector(".box");
    const seen: string[] = [];
    Object.assign(window, { seen });
    const look = () => {
      if (box?.checkVisibility({ visibilityProperty: true }) && root?.querySelector(".panel")) seen.push(getComputedStyle(box).opacity);
      requestAnimationFrame(look);
    };
    look();
  });
  await launcher.hover();
  await panel.waitFor({ state: "attached" });
  await expect.poll(() => page.evaluate("document.querySelector('switchboard-widget').shadowRoot.querySelector('.box').getAnimations().length")).toBe(0);
  expect(await page.evaluate("seen")).toEqual([]);
  await visited.close();
});

test("a part of the widget that does not come is no business of a page that is built with vite", async () => {
  const visited = await stage.visit({ query: { site: "unread" } }, (page) => page.route(/\/assets\/(?:extras|preview)-/, (route) => route.abort()));
  const { page, panel, launcher } = visited;
  await page.evaluate("window.errors = 0; addEventListener('vite:preloadError', () => errors++); addEventListener('unhandledrejection', () => errors++)");
  await launcher.hover();
  await expect.poll(() => visited.requests.some((url) => url.includes("/assets/preview-"))).toBe(true);
  await openPanel(visited);
  await expect.poll(() => visited.requests.some((url) => url.includes("/assets/extras-"))).toBe(true);
  await panel.locator("textarea").fill("Hello");
  await panel.locator("textarea").press("Enter");
  await panel.locator(".mine .body", { hasText: "Hello" }).waitFor();
  expect(await page.evaluate("errors")).toBe(0);
  await visited.close();
});

test("the widget is not printed", async () => {
  const visited = await stage.visit();
  await visited.launcher.waitFor();
  await visited.page.emulateMedia({ media: "print" });
  expect(await visited.launcher.isVisible()).toBe(false);
  await visited.close();
});

test("the page's address is followed through pushState, replaceState and back", async () => {
  const visited = await stage.visit();
  await openPanel(visited);
  const addresses = async () => ((await visited.page.evaluate("stub.calls")) as unknown[][]).filter(([name]) => name === "page").map(([, url]) => new URL(String(url)).pathname);
  await visited.page.evaluate("history.pushState({}, '', '/cart'); document.title = 'Cart'");
  await expect.poll(addresses).toContain("/cart");
  await visited.page.evaluate("history.replaceState({}, '', '/checkout')");
  await expect.poll(addresses).toContain("/checkout");
  await visited.page.goBack();
  await expect.poll(async () => (await addresses()).at(-1)).toBe("/shop.html");
  await visited.close();
});
