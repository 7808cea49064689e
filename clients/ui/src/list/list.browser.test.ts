import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { gallery } from "../../tests/browser/support.ts";

const open = gallery();
const list = (page: Page) => page.getByRole("listbox", { name: "Conversations" });

/** The place of the active row, from 1. */
const active = (page: Page) =>
  list(page).evaluate((box) => {
    const row = document.getElementById(box.getAttribute("aria-activedescendant") ?? "");
    const [inner, outer] = [row?.getBoundingClientRect(), box.getBoundingClientRect()];
    const isSeen = inner !== undefined && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
    return { place: Number(row?.getAttribute("aria-posinset")), isSeen };
  });

test("keys go through 10,000 rows, and the active one is always in sight", async () => {
  const { page, last, close } = await open();
  await list(page).focus();
  const steps: [string, number][] = [["ArrowDown", 2], ["ArrowDown", 3], ["ArrowUp", 2], ["PageDown", 7], ["End", 10_000], ["ArrowDown", 10_000], ["PageUp", 9_995], ["Home", 1], ["ArrowUp", 1]];
  expect(await active(page)).toEqual({ place: 1, isSeen: true });
  for (const [key, place] of steps) {
    await page.keyboard.press(key);
    await expect.poll(() => active(page), { message: key }).toEqual({ place, isSeen: true });
  }
  await page.keyboard.press("Enter");
  expect(await last.textContent()).toBe("opened chat-0");
  expect(await page.locator(".ui-row").count()).toBeLessThan(40);
  await close();
});

test("the active row stays in the page when it is scrolled out of sight", async () => {
  const { page, close } = await open();
  await list(page).focus();
  await list(page).evaluate((box) => void (box.scrollTop = 200_000));
  await expect.poll(() => page.locator(".ui-row").count()).toBeGreaterThan(10);
  expect(await active(page)).toEqual({ place: 1, isSeen: false });
  await page.keyboard.press("ArrowDown");
  expect(await active(page)).toEqual({ place: 2, isSeen: true });
  await close();
});

const names = (page: Page) => page.locator(".ui-row").evaluateAll((rows) => rows.map((row) => row.id));

test("the order stays under the pointer and is that of now when it has left", async () => {
  const { page, close } = await open();
  await list(page).hover();
  await page.evaluate(() => dispatchEvent(new Event("gallery-updates")));
  const before = await names(page);
  await page.evaluate(() => dispatchEvent(new Event("gallery-updates")));
  await page.waitForTimeout(200);
  expect(await names(page)).toEqual(before);
  await page.mouse.move(5, 5);
  await expect.poll(() => names(page)).not.toEqual(before);
  await close();
});

test("what is read stays where it is while rows come in above", async () => {
  const { page, close } = await open();
  await list(page).evaluate((box) => void (box.scrollTop = 56 * 5_000));
  await page.locator("[id$=chat-5002]").waitFor();
  const top = () => page.locator("[id$=chat-5002]").evaluate((row) => Math.round(row.getBoundingClientRect().top));
  const before = await top();
  await page.evaluate(() => dispatchEvent(new Event("gallery-updates")));
  await page.waitForTimeout(200);
  expect(await top()).toBe(before);
  await close();
});

test("10,000 rows with 240 updates a second (measured, not judged)", async () => {
  const { page, close } = await open();
  await page.evaluate(`
    window.frames = []; window.tasks = [];
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => Math.round(duration)))).observe({ type: "longtask" });
    let before = performance.now();
    requestAnimationFrame(function next(now) { frames.push(now - before); before = now; requestAnimationFrame(next); });`);
  // What the page's thread worked, without what it waited for a busy machine.
  const thread = await page.context().newCDPSession(page);
  await thread.send("Performance.enable", { timeDomain: "threadTicks" });
  const worked = async () => {
    const { metrics } = await thread.send("Performance.getMetrics");
    return 1_000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0);
  };
  await page.getByRole("switch", { name: "240 updates a second" }).check();
  const [drawn, spent] = [await page.evaluate("frames.length") as number, await worked()];
  await page.waitForTimeout(5_000);
  const work = (await worked()) - spent;
  const { frames, tasks } = (await page.evaluate("({ frames, tasks })")) as { frames: number[]; tasks: number[] };
  frames.splice(0, drawn);
  frames.sort((one, other) => one - other);
  const at = (share: number) => Math.round(frames[Math.floor((frames.length - 1) * share)] ?? 0);
  const share = work / frames.length;
  console.info(`10,000 rows, 240 updates a second, 5 s: ${frames.length} frames of ${share.toFixed(1)} ms work each; from frame to frame median ${at(0.5)} ms, 99 % ${at(0.99)} ms, longest ${at(1)} ms; tasks over 50 ms: ${JSON.stringify(tasks)}`);
  expect(frames.length).toBeGreaterThan(10);
  await close();
});
