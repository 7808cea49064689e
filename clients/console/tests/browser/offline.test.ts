/** Local first: what is shown without a server, and what is written meanwhile. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { type Person, type Visitor, World } from "./support/world.ts";

let world: World;
let olivia: Person;
let ana: Visitor;
let jonas: Visitor;
let page: Page;

beforeAll(async () => {
  world = await World.begin();
  olivia = world.person("Olivia Park");
  ana = await world.visitor(`Ana ${Date.now()}`);
  jonas = await world.visitor(`Jonas ${Date.now()}`);
  await ana.say("Hello?");
  await jonas.say("Anybody?");
  ({ page } = await world.signedIn(olivia));
});
afterAll(() => world.end());

const send = async (body: string) => {
  await page.keyboard.type(body);
  await page.keyboard.press("Enter");
};
const OFFLINE_MS = Number(process.env["OFFLINE_MS"] ?? 60_000);

test("a minute without a server: five replies wait, survive a reload, and arrive once and in order", { timeout: OFFLINE_MS + 60_000 }, async () => {
  await page.goto(`${world.front.url}/console/#/open/${ana.id}`);
  await page.locator(".msg-body").first().waitFor();
  // What was seen is in the cache.
  await page.waitForTimeout(1_500);
  const from = Date.now();
  world.front.cut(true);
  await page.keyboard.press("r");
  for (const body of ["one", "two", "three"]) await send(body);
  expect(await page.locator(".msg-tick").last().getAttribute("aria-label")).toBe("Waiting to be sent");
  await page.locator(".banner").waitFor();
  expect(Date.now() - from).toBeGreaterThan(2_900);
  expect(await page.locator(".banner").textContent()).toContain("3 changes will be sent");

  await page.reload();
  const shown = await page.waitForFunction(() => (document.querySelector(".conv") ? performance.now() : null));
  console.info(`lists from the cache, ${Math.round((await shown.jsonValue()) as number)} ms after the page's start`);
  await page.locator(".composer-field").waitFor();
  await expect.poll(() => page.locator(".msg-body").allTextContents()).toEqual(["Hello?", "one", "two", "three"]);
  await page.keyboard.press("r");
  for (const body of ["four", "five"]) await send(body);
  // An action is shown at once, and waits too.
  await page.goto(`${world.front.url}/console/#/open/${jonas.id}`);
  await expect.poll(() => page.locator(".chat-name").textContent()).toContain("Jonas");
  await page.keyboard.press("Escape");
  await page.keyboard.press("e");
  await expect.poll(() => page.locator(`.conv[data-id="${jonas.id}"]`).count()).toBe(0);
  await expect.poll(() => page.locator(".banner").textContent()).toContain("6 changes will be sent");

  await page.waitForTimeout(Math.max(0, OFFLINE_MS - (Date.now() - from)));
  world.front.cut(false);
  await expect.poll(async () => (await ana.messages()).map(({ body }) => body), { timeout: 40_000 }).toEqual(["Hello?", "one", "two", "three", "four", "five"]);
  const token = await world.token(olivia);
  await expect.poll(async () => (await world.rest<{ status: string }>("GET", `/chat/session/${jonas.id}`, token)).status, { timeout: 20_000 }).toBe("closed");
  await expect.poll(() => page.locator(".banner").count()).toBe(0);
});

test("what changed while the page was closed is level after the next start", async () => {
  await page.waitForTimeout(1_500);
  await page.goto("about:blank");
  const token = await world.token(olivia);
  await world.rest("POST", `/chat/session/${ana.id}/status`, token, { status: "closed" });
  await jonas.say("I am back");
  await page.goto(`${world.front.url}/console/#/open`);
  await expect.poll(() => page.locator(`.conv[data-id="${ana.id}"]`).count(), { timeout: 20_000 }).toBe(0);
  await expect.poll(() => page.locator(`.conv[data-id="${jonas.id}"]`).textContent()).toContain("I am back");
});

test("a start shows the lists within 200 ms from the cache", async () => {
  await page.waitForTimeout(1_200);
  const times: number[] = [];
  await page.addInitScript(() => {
    const seen = window as { listsAt?: number };
    new MutationObserver(() => {
      if (document.querySelector(".conv")) seen.listsAt ??= performance.now();
    }).observe(document, { subtree: true, childList: true });
  });
  for (let turn = 0; turn < 5; turn++) {
    await page.goto(`${world.front.url}/console/?${turn}#/open`);
    const shown = await page.waitForFunction(() => (window as { listsAt?: number }).listsAt ?? null);
    const script = await page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.includes("assets/console-")).map((entry) => (entry as PerformanceResourceTiming).responseEnd)[0] ?? 0);
    times.push(Math.round(((await shown.jsonValue()) as number) - script));
  }
  console.info(`from the script to the lists: ${times.join(", ")} ms`);
  expect(times.sort((a, b) => a - b)[2]).toBeLessThan(200);
});

test("several tabs share one login, and a refresh token is traded by one of them", async () => {
  const second = await page.context().newPage();
  await second.goto(`${world.front.url}/console/#/open`);
  await second.locator(".lists").waitFor();
  expect(await second.locator("input[type=email]").count()).toBe(0);
  // Both find their token old.
  const age = () => {
    const name = "switchboard.console.login";
    const login = JSON.parse(localStorage.getItem(name) ?? "{}") as { until: number };
    localStorage.setItem(name, JSON.stringify({ ...login, until: 0 }));
  };
  await page.evaluate(age);
  await Promise.all([page.reload(), second.reload()]);
  await Promise.all([page, second].map((one) => expect.poll(() => one.locator(".conv").count()).toBeGreaterThan(0)));
  await Promise.all([page, second].map((one) => one.goto(`${world.front.url}/console/#/open/${jonas.id}`)));
  await Promise.all([page, second].map((one) => one.locator(".msg-body").first().waitFor()));
  await second.keyboard.press("r");
  await second.keyboard.type("from the second tab");
  await second.keyboard.press("Enter");
  await expect.poll(() => page.locator(".msg-body").allTextContents()).toContain("from the second tab");
  expect((await jonas.messages()).filter(({ body }) => body === "from the second tab")).toHaveLength(1);

  await second.keyboard.press("Escape");
  await second.keyboard.press("Control+k");
  await second.keyboard.type("sign out");
  await second.keyboard.press("Enter");
  await second.locator("dialog .ui-primary, dialog .ui-danger").click();
  await Promise.all([page, second].map((one) => one.locator("input[type=email]").waitFor()));
});
