/** axe finds nothing in any view: light, dark, from right to left, on a phone. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BrowserContextOptions, Page } from "playwright-core";
import { type Person, type Visitor, World, signIn } from "./support/world.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let world: World;
let admin: Person;
let ana: Visitor;

beforeAll(async () => {
  world = await World.begin();
  admin = world.person("Rita Root", "admin");
  ana = await world.visitor("Ana Silva", { email: "ana@example.com", metadata: { plan: "pro" } });
  await ana.say("Hello? See https://shop.example/lamps");
  const token = await world.token(admin);
  const say = (body: string, more = {}) => world.rest("POST", `/chat/session/${ana.id}/messages`, token, { body, client_id: crypto.randomUUID(), ...more });
  await say("Good day!");
  await say("In a hurry", { visibility: "staff" });
});
afterAll(() => world.end());

interface Violation {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

/** Past the page's policy, as a browser's own tools are. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { axe: tool } = window as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    return (await tool.run()).violations;
  });
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
}

const SHAPES: Record<string, { options: BrowserContextOptions; language?: string }> = {
  light: { options: { colorScheme: "light" } },
  dark: { options: { colorScheme: "dark" } },
  "right to left": { options: { colorScheme: "light", locale: "ar" } },
  phone: { options: { colorScheme: "dark", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } },
};

const VIEWS: [name: string, hash: () => string, wait: string, act?: (page: Page) => Promise<unknown>][] = [
  ["a list", () => "#/open", ".conv"],
  ["an empty list", () => "#/pending", ".lists"],
  ["a conversation", () => `#/open/${ana.id}`, ".msg-body"],
  ["a note being written", () => `#/open/${ana.id}`, ".msg-body", (page) => page.locator(".mode").nth(1).click()],
  ["the visitor", () => `#/open/${ana.id}`, ".msg-body", async (page) => void ((await page.locator(".about").count()) || (await page.locator(".chat-head .ui-icon-button").last().click()))],
  ["a menu", () => `#/open/${ana.id}`, ".msg-body", (page) => page.locator(".chat-head [aria-haspopup=menu]").click()],
  ["the palette", () => "#/open", ".conv", (page) => page.keyboard.press("Control+k")],
  ["the keys", () => "#/open", ".conv", (page) => page.keyboard.press("?")],
  ["assigning", () => `#/open/${ana.id}`, ".msg-body", (page) => page.locator(".chat-assignee").click()],
  ["settings", () => "#/settings/general", ".choice"],
  ["profile", () => "#/settings/profile", "form"],
  ["logins", () => "#/settings/logins", ".login"],
  ["people", () => "#/people", ".people"],
  ["inviting", () => "#/people", ".people", (page) => page.locator(".page-head .ui-primary").click()],
  ["sites", () => "#/sites", ".sites a"],
  ["a site", () => "#/sites/1", ".preview-host"],
];

test.each(Object.keys(SHAPES))("every view, %s", { timeout: 180_000 }, async (name) => {
  const { page } = await world.open(SHAPES[name]?.options);
  await page.locator("input[type=email]").waitFor();
  expect(await violations(page), "signing in").toEqual([]);
  await signIn(page, admin);
  if (name === "right to left") await expect.poll(() => page.evaluate(() => document.documentElement.dir)).toBe("rtl");
  const wrong: Record<string, string[]> = {};
  for (const [view, hash, wait, act] of VIEWS) {
    await page.goto(`${world.front.url}/console/?${view.replace(/\W/g, "")}${hash()}`);
    await page.locator(wait).first().waitFor();
    await act?.(page);
    // Dialogs and menus come with a short motion, in which colours are not theirs.
    await page.waitForTimeout(300);
    const found = await violations(page);
    if (found.length > 0) wrong[view] = found;
    const isTooWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1);
    expect(isTooWide, `${view} is wider than the window`).toBe(false);
  }
  expect(wrong).toEqual({});
});
