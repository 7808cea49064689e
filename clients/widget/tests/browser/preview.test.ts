import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { type Visit, openPanel, serveStub, setStage, stub } from "./support.ts";

const stage = setStage(serveStub);

/** Somebody who has talked here before comes back, and has not opened the panel. */
async function comeBack(site: string, options: Parameters<typeof stage.visit>[0] = {}, prepare?: (page: Page) => Promise<unknown>): Promise<Visit> {
  const visited = await stage.visit({ ...options, query: { site, ...options.query } }, prepare);
  await visited.launcher.hover();
  await visited.panel.waitFor({ state: "attached" });
  return visited;
}
const preview = ({ panel }: Visit) => panel.locator(".preview");
const answer = ({ panel }: Visit) => panel.locator(".preview .answer");
const isGone = (visited: Visit) => expect.poll(() => preview(visited).count()).toBe(0);
const boxOf = ({ page }: Visit) => page.locator("switchboard-widget .box");
/** Where the box is when it has come. */
async function placeOf(visited: Visit) {
  await answer(visited).waitFor();
  await expect.poll(() => boxOf(visited).evaluate((box) => box.getAnimations().length)).toBe(0);
  return (await boxOf(visited).boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
}
const current = ({ page }: Visit) => page.evaluate("stub.snapshot().currentId");

test("an answer that comes while the panel is closed is shown beside the launcher, and its code comes with the first", async () => {
  const visited = await comeBack("list");
  const { page, panel, launcher, requests } = visited;
  expect(requests.filter((url) => url.includes("/preview"))).toEqual([]);
  await stub(page, (it) => it.miss("Your lamp is on its way.\nIt comes on Monday.", { to: 31, by: "Tomás Ruiz" }));
  await answer(visited).waitFor();
  expect(requests.filter((url) => url.includes("/preview"))).toHaveLength(1);
  expect(await preview(visited).locator("b").textContent()).toBe("Tomás Ruiz");
  expect(await preview(visited).locator(".lines").textContent()).toBe("Your lamp is on its way.\nIt comes on Monday.");
  const box = await placeOf(visited);
  expect(box.y + box.height).toBeLessThan((await launcher.boundingBox())?.y ?? 0);
  expect(box.height).toBeLessThan(200);
  // What lies under it is out of reach of the keys.
  expect(await panel.locator("textarea").isVisible()).toBe(false);

  await answer(visited).click();
  await panel.locator(".body", { hasText: "It comes on Monday." }).waitFor();
  expect(await current(visited)).toBe(31);
  await expect.poll(() => panel.locator("textarea").evaluate((field) => field.matches(":focus"))).toBe(true);
  expect(await preview(visited).count()).toBe(0);
  const log = panel.locator(".log");
  await expect.poll(() => log.evaluate((element) => Math.round(element.scrollHeight - element.scrollTop - element.clientHeight))).toBeLessThan(2);
  await page.keyboard.press("Escape");
  await expect.poll(() => page.evaluate("document.activeElement?.shadowRoot?.activeElement?.className")).toBe("launcher");
  await visited.close();
});

test("where the panel is open nothing is shown beside it, nor after it was closed", async () => {
  const visited = await comeBack("talk");
  const { page, panel } = visited;
  await visited.launcher.click();
  await panel.locator("textarea").waitFor();
  await stub(page, (it) => it.miss("The first"));
  await panel.locator(".body", { hasText: "The first" }).waitFor();
  await page.keyboard.press("Escape");
  await stub(page, (it) => it.miss("The second"));
  await answer(visited).waitFor();
  await visited.launcher.click();
  await isGone(visited);
  // Closed again before it is read.
  await page.evaluate("switchboard('close')");
  await stub(page, (it) => it.change({}));
  await isGone(visited);
  expect(await page.locator(".sb.unread").count()).toBe(1);
  await visited.close();
});

test("the newest of several is shown, and how many there are besides", async () => {
  const visited = await comeBack("list");
  const { page } = visited;
  await stub(page, (it) => it.change({ unread: 0, conversations: it.snapshot().conversations.map((one) => ({ ...one, unread: 0 })) }));
  await stub(page, (it) => it.miss("One"));
  await expect.poll(() => preview(visited).locator(".text").allTextContents()).toEqual(["Olivia ParkOne"]);
  await stub(page, (it) => (it.miss("Two", { to: 31 }), it.miss("Three")));
  await expect.poll(() => preview(visited).locator(".text").allTextContents()).toEqual(["Olivia ParkThree2 more"]);
  await visited.close();
});

test("it goes when it is read elsewhere, and what is deleted meanwhile is not shown", async () => {
  const visited = await comeBack("talk");
  const { page } = visited;
  await stub(page, (it) => (it.miss("One"), it.miss("Two")));
  await expect.poll(() => preview(visited).locator(".lines").allTextContents()).toEqual(["Two"]);
  await stub(page, (it) => it.change({ unread: 1, conversations: it.snapshot().conversations.map((one) => ({ ...one, unread: 1, lastMessage: null, messages: one.messages.map((message) => ({ ...message, isDeleted: message.isDeleted || message.body === "Two" })) })) }));
  await expect.poll(() => preview(visited).locator(".lines").allTextContents()).toEqual(["One"]);
  await stub(page, (it) => it.change({ unread: 0, conversations: it.snapshot().conversations.map((one) => ({ ...one, unread: 0 })) }));
  await isGone(visited);
  await expect.poll(() => boxOf(visited).isVisible()).toBe(false);
  await visited.close();
});

for (const how of ["its button", "Escape"])
  test(`who hides it by ${how} sees it neither on the next page nor in another tab, but what comes later`, async () => {
    const visited = await comeBack("unread");
    const { page } = visited;
    await answer(visited).waitFor();
    const other = await page.context().newPage();
    await other.goto(page.url());
    // Said is the last that happens there by itself.
    await expect.poll(() => other.locator("switchboard-widget .preview").getByRole("status").textContent()).toContain("Is that all right?");
    if (how === "Escape") await answer(visited).press("Escape");
    else await preview(visited).getByRole("button", { name: "Hide this message" }).click();
    await isGone(visited);
    expect(await boxOf(visited).isVisible()).toBe(false);
    await expect.poll(() => other.locator("switchboard-widget .preview").count()).toBe(0);
    expect(await page.locator(".badge").textContent()).toBe("3");

    await page.reload();
    await page.locator(".unread .launcher").waitFor();
    await expect.poll(() => visited.requests.filter((url) => url.includes("/preview")).length).toBe(2);
    await stub(page, (it) => it.change({}));
    await isGone(visited);
    await stub(page, (it) => it.miss("Still there?"));
    await expect.poll(() => preview(visited).locator(".lines").allTextContents()).toEqual(["Still there?"]);
    await visited.close();
  });

test("what was unread at the beginning is shown unless it is of more than a day ago, whatever the clock says of what comes now", async () => {
  const visited = await comeBack("old");
  const { page } = visited;
  await expect.poll(() => page.locator(".badge").textContent()).toBe("1");
  await expect.poll(() => visited.requests.some((url) => url.includes("/preview"))).toBe(true);
  await stub(page, (it) => it.miss("Of yesterday, found in the list", { minutes: 1500, isLive: false }));
  await expect.poll(() => page.locator(".badge").textContent()).toBe("2");
  await isGone(visited);
  await stub(page, (it) => it.miss("Now, for a clock that is a day ahead", { minutes: 1500 }));
  await expect.poll(() => preview(visited).locator(".lines").allTextContents()).toEqual(["Now, for a clock that is a day ahead"]);
  await visited.close();
});

test("without a connection nothing is shown that may have been read elsewhere", async () => {
  const visited = await stage.visit({ query: { site: "unreadoffline" } });
  const { page, launcher, requests } = visited;
  await launcher.hover();
  await page.locator(".unread .launcher").waitFor();
  await stub(page, (it) => it.change({}));
  expect(requests.filter((url) => url.includes("/preview"))).toEqual([]);
  await stub(page, (it) => it.change({ connection: { state: "live", transport: null, downSince: null, retryAt: null, closed: null } }));
  await answer(visited).waitFor();
  await visited.close();
});

test("a screen reader hears who wrote and what", async () => {
  const visited = await comeBack("talk");
  await stub(visited.page, (it) => it.miss("Your lamp is on its way."));
  const status = preview(visited).getByRole("status");
  await expect.poll(() => status.textContent()).toBe("Olivia Park: Your lamp is on its way.");
  await stub(visited.page, (it) => it.miss("It comes on Monday."));
  await expect.poll(() => status.textContent()).toBe("Olivia Park: It comes on Monday.");
  expect(await boxOf(visited).getAttribute("role")).toBe("group");
  await visited.launcher.click();
  await expect.poll(() => boxOf(visited).getAttribute("role")).toBe("dialog");
  await visited.close();
});

test("HTML, long words and many lines stay in three lines of text", async () => {
  const visited = await comeBack("talk");
  const { page } = visited;
  await stub(page, (it) => it.miss(`<img src=x onerror="window.hacked=1">\n${"Donaudampfschiff".repeat(40)}\n\n${"line\n".repeat(2_000)}`, { by: "<b>Bob</b> ".repeat(900) }));
  const box = await placeOf(visited);
  expect([box.width, box.height < 130]).toEqual([340, true]);
  const lines = (await preview(visited).locator(".lines").textContent()) ?? "";
  expect([lines.length > 200 && lines.length <= 300, lines.includes("\n\n")]).toEqual([true, false]);
  expect(await page.evaluate("window.hacked")).toBeUndefined();
  expect(await preview(visited).locator(".answer, .peek").evaluateAll((all) => all.every(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth))).toBe(true);
  await visited.close();
});

for (const [language, position] of [["en", "right"], ["ar", "left"]] as const)
  test(`on a phone it lies within the screen and is tapped: ${language}, ${position}`, async () => {
    const visited = await stage.visit({ query: { site: "unread", language, position }, viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
    const { panel, launcher } = visited;
    await launcher.waitFor();
    // As a finger that rests on it.
    await launcher.dispatchEvent("pointerenter");
    const box = await placeOf(visited);
    expect([box.x, box.width]).toEqual([position === "left" ? 20 : 30, 340]);
    expect(box.y + box.height).toBeLessThan((await launcher.boundingBox())?.y ?? 0);
    const [hide, face] = [await preview(visited).locator(".hide").boundingBox(), await preview(visited).locator(".face").boundingBox()];
    expect((hide?.x ?? 0) > (face?.x ?? 0)).toBe(language === "en");
    expect(Math.min(hide?.width ?? 0, hide?.height ?? 0)).toBeGreaterThanOrEqual(44);
    await answer(visited).tap();
    await panel.locator("textarea").waitFor();
    await expect.poll(async () => (await panel.boundingBox())?.height).toBe(844);
    await visited.close();
  });

test("who wants less motion sees it at once", async () => {
  const visited = await comeBack("talk", { reducedMotion: "reduce" });
  await stub(visited.page, (it) => it.miss("One"));
  await answer(visited).waitFor();
  expect(await boxOf(visited).evaluate((box) => [getComputedStyle(box).transitionProperty, box.getAnimations().length])).toEqual(["none", 0]);
  await visited.close();
});

test("in an iframe it is shown alike, and the page cannot read it", async () => {
  const visited = await stage.visit({ page: "frame-policy", query: { site: "unread", isolation: "frame" } });
  const { page, panel, launcher, said } = visited;
  await launcher.hover();
  await answer(visited).waitFor();
  expect(await preview(visited).locator(".lines").textContent()).toBe("Is that all right?");
  const content = await panel.locator(".peek").boundingBox();
  await expect.poll(async () => (await placeOf(visited)).height - (content?.height ?? 0)).toBeLessThan(1);
  expect((await placeOf(visited)).width).toBe(340);
  expect(await page.evaluate("document.querySelector('switchboard-widget').shadowRoot.querySelector('iframe').contentDocument")).toBeNull();
  expect(await page.evaluate("document.documentElement.outerHTML + document.querySelector('switchboard-widget').shadowRoot.querySelector('.sb').outerHTML")).not.toContain("all right");
  await answer(visited).click();
  await panel.locator("textarea").waitFor();
  await expect.poll(async () => (await boxOf(visited).boundingBox())?.height).toBe(688);
  await expect.poll(() => panel.locator("textarea").evaluate((field) => field.matches(":focus"))).toBe(true);
  await panel.locator("textarea").press("Escape");
  await expect.poll(() => page.locator(".open").count()).toBe(0);
  expect(await page.evaluate("document.activeElement?.shadowRoot?.activeElement?.className")).toBe("launcher");
  expect(said).toEqual([]);
  await visited.close();
});

test("in an iframe what is hidden leaves nothing on the page", async () => {
  const visited = await stage.visit({ query: { site: "unread", isolation: "frame" } });
  await visited.launcher.hover();
  await placeOf(visited);
  await preview(visited).locator(".hide").click();
  await expect.poll(() => boxOf(visited).isVisible()).toBe(false);
  await openPanel(visited);
  await expect.poll(async () => (await boxOf(visited).boundingBox())?.height).toBe(688);
  await visited.close();
});

test("destroy takes it away", async () => {
  const visited = await comeBack("unread");
  await answer(visited).waitFor();
  await visited.page.evaluate("switchboard('destroy')");
  expect(await visited.page.locator("switchboard-widget").count()).toBe(0);
  expect(visited.said).toEqual([]);
  await visited.close();
});
