/** Every task of an operator's day by the keyboard alone: no pointer is used in this file. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { type Person, type Visitor, World } from "./support/world.ts";

let world: World;
let olivia: Person;
let ben: Person;
let ana: Visitor;
let jonas: Visitor;
let page: Page;
let said: string[];

beforeAll(async () => {
  world = await World.begin();
  olivia = world.person("Olivia Park");
  ben = world.person("Ben Okafor");
  ana = await world.visitor(`Ana ${Date.now()}`, { metadata: { plan: "pro" } });
  await ana.say("Is the brass lamp in stock?");
  jonas = await world.visitor(`Jonas ${Date.now()}`);
  await jonas.say("My order has not arrived");
});
afterAll(() => world.end());

const row = (id: number) => page.locator(`.conv[data-id="${id}"]`);
const press = async (...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};
const heading = () => page.locator(".lists h1").textContent();
const openName = () => page.locator(".chat-name").textContent();
const field = () => page.locator(".composer-field");

const active = () =>
  page.evaluate(() => {
    const list = document.querySelector(".lists .ui-list");
    return Number(document.getElementById(list?.getAttribute("aria-activedescendant") ?? "")?.querySelector(".conv")?.getAttribute("data-id") ?? 0);
  });

/** Moves with j and k until that conversation has the keys, then opens it. */
async function openByKeys(id: number): Promise<void> {
  await page.locator(".conv").first().waitFor();
  for (const key of ["j", "k", "j", "k"]) {
    for (let before = -1, now = await active(); now !== id && now !== before; ) {
      before = now;
      await page.keyboard.press(key);
      now = await active();
    }
    if ((await active()) === id) break;
    // A page of the list may be on its way.
    await page.waitForTimeout(200);
  }
  await page.keyboard.press("Enter");
  await expect.poll(() => page.evaluate(() => location.hash)).toContain(`/${id}`);
}

test("signing in", async () => {
  const opened = await world.open();
  ({ page, said } = opened);
  await page.locator("input[type=email]").waitFor();
  await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("type"))).toBe("email");
  await page.keyboard.type(olivia.email);
  await press("Tab");
  await page.keyboard.type("wrong password");
  await press("Enter");
  await expect.poll(() => page.locator(".entry-error").textContent()).toContain("wrong");
  await page.keyboard.press("Control+a");
  await page.keyboard.type(olivia.password);
  await press("Enter");
  await page.locator(".lists").waitFor();
  expect(await heading()).toBe("Mine");
});

test("going to a list, and opening a conversation", async () => {
  await press("g", "u");
  await expect.poll(heading).toBe("Unassigned");
  await openByKeys(ana.id);
  expect(await openName()).toContain("Ana");
  await expect.poll(() => page.locator(".msg-body").first().textContent()).toContain("brass lamp");
});

test("taking it, and answering", async () => {
  await press("i");
  await expect.poll(() => page.locator(".ui-toast-text").last().textContent()).toBe("Assigned to you");
  await press("r");
  await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toBe("composer-field");
  await page.keyboard.type("Yes, three are left.");
  await press("Enter");
  await expect.poll(async () => (await ana.messages()).map(({ body }) => body)).toContain("Yes, three are left.");
  expect(await field().inputValue()).toBe("");
  // Single keys are dead in a field.
  await page.keyboard.type("e?ax");
  expect(await field().inputValue()).toBe("e?ax");
  await page.keyboard.press("Control+a");
  await press("Delete", "Escape");
});

test("writing a note, which the visitor does not see", async () => {
  await press("n");
  await expect.poll(() => page.locator(".composer-note").count()).toBe(1);
  await page.keyboard.type("Asked twice already");
  await press("Enter");
  await expect.poll(() => page.locator(".msg-note .msg-body").last().textContent()).toBe("Asked twice already");
  // It stays in its mode.
  expect(await page.locator(".composer-note").count()).toBe(1);
  await press("Escape");
  expect((await ana.messages()).map(({ body }) => body)).not.toContain("Asked twice already");
});

test("handing it to another operator", async () => {
  await press("a");
  await page.locator("#assign-list").waitFor();
  await page.keyboard.type("ben");
  await press("Enter");
  await expect.poll(() => page.locator(".chat-assignee").textContent()).toContain("Ben Okafor");
  const token = await world.token(ben);
  await expect.poll(async () => (await world.rest<{ assignee: { name: string } | null }>("GET", `/chat/session/${ana.id}`, token)).assignee?.name).toBe("Ben Okafor");
});

test("parking, closing, and taking it back", async () => {
  await press("g", "o");
  await openByKeys(jonas.id);
  const token = await world.token(olivia);
  const status = async () => (await world.rest<{ status: string }>("GET", `/chat/session/${jonas.id}`, token)).status;
  await press("e");
  await expect.poll(status).toBe("closed");
  // The next conversation is open, or none is left.
  expect(await page.evaluate(() => location.hash)).not.toContain(`/${jonas.id}`);
  await page.keyboard.press("Control+z");
  await expect.poll(status).toBe("open");
  await expect.poll(openName).toContain("Jonas");
  await press("z");
  await expect.poll(status).toBe("pending");
  await press("g", "p");
  await openByKeys(jonas.id);
  await press("Shift+E");
  await expect.poll(status).toBe("open");
});

test("banning a visitor by the palette, and lifting it", async () => {
  await press("g", "o");
  await openByKeys(jonas.id);
  const token = await world.token(olivia);
  const banned = async () => (await world.rest<{ is_banned: boolean }>("GET", `/chat/session/${jonas.id}`, token)).is_banned;
  await page.keyboard.press("Control+k");
  await page.keyboard.type("ban vis");
  await press("Enter");
  await expect.poll(banned).toBe(true);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("lift");
  await press("Enter");
  await expect.poll(banned).toBe(false);
});

test("choosing several, closing them at once, and taking it back", async () => {
  const visitors = await Promise.all(["One", "Two", "Three"].map((name) => world.visitor(`${name} ${Date.now()}`)));
  for (const visitor of visitors) await visitor.say("many");
  const token = await world.token(olivia);
  const states = () => Promise.all(visitors.map(async ({ id }) => (await world.rest<{ status: string }>("GET", `/chat/session/${id}`, token)).status));
  await press("Escape", "g", "u");
  for (const { id } of visitors) {
    await openByKeys(id);
    await press("x", "Escape");
    // Escape clears what is chosen, so it is chosen again at the end.
  }
  await page.evaluate(() => document.querySelector<HTMLElement>(".lists .ui-list")?.focus());
  for (const { id } of visitors) {
    await openByKeys(id);
    await press("x");
  }
  await expect.poll(() => page.locator(".bulk [role=status]").textContent()).toBe("3 selected");
  await press("e");
  await expect.poll(states).toEqual(["closed", "closed", "closed"]);
  await page.keyboard.press("Control+z");
  await expect.poll(states).toEqual(["open", "open", "open"]);
});

test("finding somebody by name", async () => {
  await press("/");
  await page.keyboard.type("Jonas");
  await expect.poll(heading).toBe("Search");
  await row(jonas.id).waitFor();
  await press("Enter");
  await openByKeys(jonas.id);
  expect(await openName()).toContain("Jonas");
  await press("Escape", "Escape");
  await expect.poll(heading).toBe("Mine");
});

test("marking as unread beats reading", async () => {
  await press("g", "o");
  await openByKeys(jonas.id);
  await page.waitForTimeout(1_500);
  await expect.poll(() => row(jonas.id).getAttribute("class")).not.toContain("conv-unread");
  await press("u");
  await expect.poll(() => row(jonas.id).getAttribute("class")).toContain("conv-unread");
});

test("the page of keys, the settings, the own password's page", async () => {
  await press("?");
  await expect.poll(() => page.locator(".help dt").count()).toBeGreaterThan(20);
  await press("Escape");
  await press("g", "s");
  await page.locator(".page h1").waitFor();
  await press("Escape");
  await page.locator(".lists").waitFor();
});

test("going away and coming back", async () => {
  await page.keyboard.press("Control+k");
  await page.keyboard.type("away");
  await press("Enter");
  await expect.poll(() => page.locator(".side-account .ui-away").count()).toBe(1);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("set yourself online");
  await press("Enter");
  await expect.poll(() => page.locator(".side-account .ui-online").count()).toBe(1);
});

test("signing out leaves nothing in the browser", async () => {
  await page.keyboard.press("Control+k");
  await page.keyboard.type("sign out");
  await press("Enter");
  await page.locator("dialog[open]").waitFor();
  await press("Tab", "Enter");
  await page.locator("input[type=email]").waitFor();
  const left = async () => ({
    keys: await page.evaluate(() => Object.keys(localStorage).filter((key) => /login|draft|outbox|actions|unread|seen/.test(key))),
    databases: await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name)),
  });
  await expect.poll(left).toEqual({ keys: [], databases: [] });
  expect(said.filter((text) => !/status of 40[14]/.test(text))).toEqual([]);
});

