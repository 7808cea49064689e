/** Rights that go while a view is open, and links that give them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { type Person, type Visitor, World, signIn } from "./support/world.ts";

let world: World;
let root: Person;
let ana: Visitor;

beforeAll(async () => {
  world = await World.begin();
  root = world.person("Rita Root", "admin");
  ana = await world.visitor(`Ana ${Date.now()}`);
  await ana.say("Hello?");
});
afterAll(() => world.end());

const databases = (page: Page) => page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
const idOf = async (person: Person) => (await world.rest<{ id: number }>("GET", "/users/me", await world.token(person))).id;

test("a closed account is out within five seconds, and what it has seen is gone from the browser", async () => {
  const ben = world.person("Ben Okafor");
  const { page } = await world.signedIn(ben);
  await page.goto(`${world.front.url}/console/#/open/${ana.id}`);
  await page.locator(".msg-body").first().waitFor();
  await page.keyboard.press("r");
  await page.keyboard.type("half a sent");
  await page.waitForTimeout(500);
  await page.waitForTimeout(1_200);
  expect((await databases(page)).length).toBe(1);
  const seen = () => page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes("seen")));
  expect((await seen()).length).toBe(1);
  const from = Date.now();
  world.server.admin("user", "disable", "--email", ben.email);
  await page.locator(".entry-told").waitFor();
  expect(Date.now() - from).toBeLessThan(7_000);
  expect(await page.locator(".conv, .msg-body").count()).toBe(0);
  await expect.poll(() => databases(page)).toEqual([]);
  expect(await seen()).toEqual([]);
  // The own words are kept for who may come back.
  world.server.admin("user", "enable", "--email", ben.email);
  await signIn(page, ben);
  await page.goto(`${world.front.url}/console/#/open/${ana.id}`);
  await expect.poll(() => page.locator(".composer-field").inputValue()).toBe("half a sent");
});

test("a site that is taken away takes its conversations with it, also from the cache", async () => {
  const token = await world.token(root);
  const key = `shop-${Date.now()}`;
  await world.rest("POST", "/sites", token, { key, name: "Second shop" });
  const carla = world.person("Carla Cruz", "operator", ["default", key]);
  const there = await world.visitor(`There ${Date.now()}`, { site: key });
  await there.say("At the second shop");
  const { page } = await world.signedIn(carla);
  await page.goto(`${world.front.url}/console/#/open/${there.id}`);
  await page.locator(".msg-body").first().waitFor();
  await page.waitForTimeout(1_200);
  world.server.admin("user", "ungrant", "--email", carla.email, "--site", key);
  await expect.poll(() => page.locator(`.conv[data-id="${there.id}"]`).count()).toBe(0);
  await expect.poll(() => page.locator(".chat-none").textContent()).toContain("you may not see it");
  await expect.poll(() => page.locator(".side-item", { hasText: "Second shop" }).count()).toBe(0);
  const kept = (id: number) =>
    page.evaluate(async (wanted) => {
      const [{ name = "" } = {}] = await indexedDB.databases();
      const db = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(new Error("no database"));
      });
      const all = await new Promise<unknown>((resolve) => {
        const asked = db.transaction("sessions").objectStore("sessions").get(wanted);
        asked.onsuccess = () => resolve(asked.result ?? null);
      });
      db.close();
      return all;
    }, id);
  await expect.poll(() => kept(there.id)).toBe(null);
});

test("a session that does not exist, or that vanished, is told", async () => {
  const { page } = await world.signedIn(root);
  await page.goto(`${world.front.url}/console/#/open/999999999`);
  await expect.poll(() => page.locator(".chat-none").textContent()).toContain("does not exist");
});

test("an invitation makes an operator, by a link that works once", async () => {
  const { page } = await world.signedIn(root);
  await page.keyboard.press("g");
  await page.keyboard.press("w");
  await page.locator(".page-head .ui-primary").click();
  const email = `new-${Date.now()}@example.com`;
  await page.keyboard.type(email);
  await page.keyboard.press("Enter");
  const link = await page.locator(".link-field").inputValue();
  expect(link).toContain("/console/#join=");
  await page.keyboard.press("Escape");
  await expect.poll(() => page.locator(".people").first().textContent()).toContain(email);

  const token = new URL(link).hash;
  const { page: other, said } = await world.open({}, token);
  await expect.poll(() => other.locator("h1").textContent()).toBe("Join the team");
  expect(await other.locator(".entry form").textContent()).toContain(email);
  await other.locator("input[autocomplete=name]").fill("Nina New");
  await other.locator("input[type=password]").fill("short");
  await other.keyboard.press("Enter");
  await expect.poll(() => other.locator(".ui-error").textContent()).toContain("At least");
  await other.locator("input[type=password]").fill("a long enough password");
  await other.keyboard.press("Enter");
  await other.locator(".lists").waitFor();
  expect(other.url()).not.toContain("join=");
  expect(await other.locator(".side-account").textContent()).toContain("Nina New");
  const { page: late } = await world.open({}, token);
  await expect.poll(() => late.locator("h1").textContent()).toContain("not good any more");
  expect(said.filter((text) => !/status of 4/.test(text))).toEqual([]);
});

test("an admin's link gives a new password, and ends the logins before", async () => {
  const dana = world.person("Dana Diaz");
  const { page: own } = await world.signedIn(dana);
  const { page } = await world.signedIn(root);
  await page.goto(`${world.front.url}/console/#/people`);
  await page.locator(".people-search").fill(dana.email);
  const row = page.locator(".people > li", { hasText: dana.email });
  await row.locator("button").click();
  await page.getByRole("menuitem", { name: "Link for a new password" }).click();
  const link = await page.locator(".link-field").inputValue();
  const { page: fresh } = await world.open({}, new URL(link).hash);
  await expect.poll(() => fresh.locator("h1").textContent()).toBe("Choose a new password");
  await fresh.locator("input[type=password]").fill("another long password");
  await fresh.keyboard.press("Enter");
  await fresh.locator(".lists").waitFor();
  await own.locator(".entry-told").waitFor({ timeout: 10_000 });
});

test("roles and activity of people are changed, and the last admin stays", async () => {
  const eve = world.person("Eve Evans");
  const { page } = await world.signedIn(root);
  await page.goto(`${world.front.url}/console/#/people`);
  await page.locator(".people-search").fill(eve.email);
  const row = page.locator(".people > li", { hasText: eve.email });
  await row.locator("button").click();
  await page.getByRole("menuitem", { name: "Edit" }).click();
  await page.locator(".rights-role select").selectOption("admin");
  await page.locator("dialog .ui-primary").click();
  await expect.poll(() => row.locator(".ui-badge").textContent()).toBe("Admin");
  const token = await world.token(root);
  const id = await idOf(eve);
  const told = async () => (await world.rest<{ users: { id: number; role: string; is_active: boolean }[] }>("GET", `/users?q=${encodeURIComponent(eve.email)}`, token)).users.find((one) => one.id === id);
  await expect.poll(async () => (await told())?.role).toBe("admin");
  await row.locator("button").click();
  await page.getByRole("menuitem", { name: "Deactivate" }).click();
  await expect.poll(async () => (await told())?.is_active).toBe(false);
  await page.locator(".ui-toast button", { hasText: "Undo" }).click();
  await expect.poll(async () => (await told())?.is_active).toBe(true);
});

test("the own name, the own password, and a login of another browser", async () => {
  const finn = world.person("Finn Fischer");
  const { page } = await world.signedIn(finn);
  const { page: other } = await world.signedIn(finn);
  await page.goto(`${world.front.url}/console/#/settings/profile`);
  await page.locator("input[autocomplete=name]").fill("Finn F.");
  await page.locator("form").first().locator("button").click();
  await expect.poll(() => page.locator(".side-account").textContent()).toContain("Finn F.");
  await page.goto(`${world.front.url}/console/#/settings/logins`);
  await expect.poll(() => page.locator(".login").count()).toBeGreaterThan(1);
  await page.locator(".login button").first().click();
  await other.locator(".entry-told").waitFor({ timeout: 10_000 });
  await page.goto(`${world.front.url}/console/#/settings/profile`);
  await page.locator("input[autocomplete=current-password]").fill("not the one");
  await page.locator("input[autocomplete=new-password]").fill("quite another password");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator(".ui-error").textContent()).toContain("not the present password");
  await page.locator("input[autocomplete=current-password]").fill(finn.password);
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator(".ui-toast-text").allTextContents()).toContain("Password changed. Other browsers are signed out.");
  const { page: again } = await world.open();
  await signIn(again, { ...finn, password: "quite another password" });
});

test("a site's settings are shown in the widget before they are saved, and saved", async () => {
  const { page, said } = await world.signedIn(root);
  await page.goto(`${world.front.url}/console/#/sites`);
  await page.locator(".sites a").first().click();
  const panel = page.locator(".preview-host .panel");
  await panel.waitFor();
  await page.locator("input[type=color]").fill("#b00020");
  const accent = () => panel.evaluate((element) => (element as HTMLElement).style.getPropertyValue("--accent"));
  await expect.poll(accent).toBe("#b00020");
  await page.getByRole("tab", { name: "Texts" }).click();
  const greeting = `Welcome ${Date.now()}`;
  await page.locator("textarea").first().fill(greeting);
  await expect.poll(() => panel.textContent()).toContain(greeting);
  await page.locator(".site-form .ui-primary").click();
  await expect.poll(() => page.locator(".ui-toast-text").allTextContents()).toContain("Saved");
  await page.getByRole("tab", { name: "Install" }).click();
  await expect.poll(() => page.locator(".snippet").textContent()).toContain("/widget.js");
  expect(said.filter((text) => !/status of 4/.test(text))).toEqual([]);
});
