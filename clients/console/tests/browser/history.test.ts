/** A long conversation, a full storage, a newer server. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { type Person, type Visitor, World } from "./support/world.ts";

let world: World;
let olivia: Person;
let ana: Visitor;
let page: Page;
const ids: number[] = [];

beforeAll(async () => {
  world = await World.begin();
  olivia = world.person("Olivia Park");
  ana = await world.visitor(`Ana ${Date.now()}`);
  await ana.say("first of all");
  const token = await world.token(olivia);
  for (let count = 1; count <= 160; count++) {
    const body = count % 7 === 0 ? `${count}\n${"a longer line ".repeat(12)}` : `number ${count}`;
    for (;;) {
      try {
        ids.push((await world.rest<{ id: number }>("POST", `/chat/session/${ana.id}/messages`, token, { body, client_id: crypto.randomUUID() })).id);
        break;
      } catch (cause) {
        if (!String(cause).includes("rate_limited")) throw cause;
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    }
  }
  ({ page } = await world.signedIn(olivia));
});
afterAll(() => world.end());

const log = () => page.locator(".log");
const place = (id: number) => page.locator(`[data-id="${id}"]`).first().evaluate((element) => Math.round(element.getBoundingClientRect().top));
const toEnd = () => log().evaluate((box) => Math.round(box.scrollHeight - box.scrollTop - box.clientHeight));

test("it opens at its end, and what is read stays in its place while older messages come in above", async () => {
  await page.goto(`${world.front.url}/console/#/open/${ana.id}`);
  await page.locator(".msg").first().waitFor();
  await expect.poll(toEnd).toBeLessThan(2);
  for (let turn = 0; turn < 12; turn++) {
    const before = await page.locator(".msg").count();
    const [, anchor] = await log().evaluate((box) => {
      box.scrollTop = 500;
      const seen = [...box.querySelectorAll<HTMLElement>(".msg[data-id]")].find((element) => element.getBoundingClientRect().top > 200);
      return [0, Number(seen?.dataset["id"])] as const;
    });
    const from = await place(anchor);
    if (before >= 161) break;
    await expect.poll(() => page.locator(".msg").count()).toBeGreaterThan(before);
    expect(Math.abs((await place(anchor)) - from), `turn ${turn}`).toBeLessThanOrEqual(2);
  }
  expect(await page.locator(".msg-body").first().textContent()).toBe("first of all");
});

test("what comes while older messages are read is counted, and the end is one key away", async () => {
  await log().evaluate((box) => void (box.scrollTop = 300));
  const middle = await log().evaluate((box) => box.scrollTop);
  await ana.say("are you still there?");
  await ana.say("hello?");
  await expect.poll(() => page.locator(".log-down").textContent()).toContain("2 new");
  expect(Math.abs((await log().evaluate((box) => box.scrollTop)) - middle)).toBeLessThanOrEqual(2);
  await log().focus();
  await page.keyboard.press("End");
  await expect.poll(toEnd).toBeLessThan(2);
  await expect.poll(() => page.locator(".log-down").count()).toBe(0);
});

test("a link to an old message brings it, and marks it for two seconds", async () => {
  const wanted = ids[20] ?? 0;
  await page.goto(`${world.front.url}/console/?link#/open/${ana.id}/${wanted}`);
  await page.locator(`.msg-found[data-id="${wanted}"]`).waitFor();
  const isSeen = await page.locator(`[data-id="${wanted}"]`).evaluate((element) => element.getBoundingClientRect().top > 0 && element.getBoundingClientRect().bottom < innerHeight);
  expect(isSeen).toBe(true);
  await expect.poll(() => page.locator(".msg-found").count()).toBe(0);
});

test("with a storage that is full it works on, and says once what a reload would lose", async () => {
  await page.goto(`${world.front.url}/console/?full#/open/${ana.id}`);
  await page.locator(".composer-field").waitFor();
  await page.evaluate(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await page.keyboard.press("r");
  await page.keyboard.type("without a storage");
  await page.keyboard.press("Enter");
  await expect.poll(async () => (await ana.messages()).map(({ body }) => body)).toContain("without a storage");
  await expect.poll(() => page.locator(".ui-toast.ui-danger").textContent()).toContain("storage is full");
});

test("a newer console is told once, and loaded by a button, with the draft", async () => {
  const file = join(import.meta.dirname, "../../../dist/console/index.html.gz");
  const old = readFileSync(file);
  await page.goto(`${world.front.url}/console/?new#/open/${ana.id}`);
  await page.locator(".composer-field").waitFor();
  await page.keyboard.press("r");
  await page.keyboard.type("a draft over the upgrade");
  try {
    const text = readFileSync(file.replace(/\.gz$/, ""), "utf8").replace(/assets\/console-[\w-]+\.js/, "assets/console-anew123.js");
    writeFileSync(file, gzipSync(text));
    world.front.cut(true);
    await page.waitForTimeout(300);
    world.front.cut(false);
    await expect.poll(() => page.locator(".ui-toast").allTextContents(), { timeout: 30_000 }).toEqual([expect.stringContaining("new version")]);
  } finally {
    writeFileSync(file, old);
  }
  await page.locator(".ui-toast button", { hasText: "Reload" }).click();
  await page.locator(".composer-field").waitFor();
  await expect.poll(() => page.locator(".composer-field").inputValue()).toBe("a draft over the upgrade");
});
