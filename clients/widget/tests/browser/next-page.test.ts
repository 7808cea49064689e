/** What the loader does by itself on the next page, and on the first of a visitor whom the site knows. */
import { expect, test } from "vitest";
import { type Visit, hasLooked, openPanel, opensAgain, serveStub, setStage, stub } from "./support.ts";

const stage = setStage(serveStub);
const NOTE = "Object.keys(sessionStorage)";

async function talking(query: Record<string, string> = {}, options: Parameters<typeof stage.visit>[0] = {}): Promise<Visit> {
  const visited = await stage.visit({ ...options, query: { site: "talk", ...query } });
  await openPanel(visited);
  // What lasts over a reload is known only then.
  await expect.poll(() => visited.page.evaluate("Object.keys(localStorage)")).toContain("switchboard.widget.talk.session");
  return visited;
}
const isOpen = ({ page }: Visit) => page.locator("switchboard-widget .open").count();
/** The panel is there, and has taken the note if there was one. */
async function staysClosed(visited: Visit, site = "talk"): Promise<void> {
  await hasLooked(visited);
  await visited.panel.waitFor({ state: "attached" });
  await expect.poll(() => visited.page.evaluate(NOTE)).not.toContain(`switchboard.widget.${site}.open`);
  await visited.page.evaluate(() => new Promise(requestAnimationFrame));
  expect(await isOpen(visited)).toBe(0);
}

test("an open panel is open on the next page and after a reload, and takes no focus", async () => {
  const visited = await talking();
  const { page, panel } = visited;
  await page.reload();
  await opensAgain(visited);
  expect(await page.evaluate("document.activeElement === document.body")).toBe(true);
  await page.goto(page.url().replace("shop.html", "rtl.html"));
  await page.locator("#own").focus();
  await opensAgain(visited);
  expect(await page.evaluate("document.activeElement.id")).toBe("own");
  await page.keyboard.type("mine");
  expect(await page.locator("#own").inputValue()).toBe("mine");
  expect(await panel.locator("textarea").inputValue()).toBe("");
  expect(await page.evaluate(NOTE)).toEqual([]);
  // Closed by its button the focus has somewhere to go.
  await panel.getByRole("button", { name: "Close chat" }).click();
  await expect.poll(() => page.evaluate("document.activeElement?.shadowRoot?.activeElement?.className")).toBe("launcher");
  await visited.close();
});

for (const command of ["close", "destroy"])
  test(`after ${command} the next page is closed`, async () => {
    const visited = await talking();
    await visited.page.evaluate(`switchboard("${command}")`);
    await visited.page.reload();
    await staysClosed(visited);
    await visited.close();
  });

for (const command of ["close", "destroy"])
  test(`a page that says ${command} before the panel is there has it closed`, async () => {
    const visited = await talking();
    const { page } = visited;
    await page.addInitScript(`window.switchboard = (...call) => (switchboard.q ??= []).push(call); switchboard("boot"); switchboard("${command}"); switchboard("boot");`);
    await page.reload();
    await staysClosed(visited);
    await visited.close();
  });

test("a visitor who has not spoken leaves no note, and the next page is closed", async () => {
  const visited = await stage.visit({ query: { site: "empty" } });
  const { page } = visited;
  await openPanel(visited);
  await page.reload();
  await hasLooked(visited);
  expect(await page.evaluate("[sessionStorage.length, localStorage.length]")).toEqual([0, 0]);
  expect(await isOpen(visited)).toBe(0);
  await visited.close();
});

test("a note of a tab that was restored later opens nothing, and is gone", async () => {
  const visited = await talking();
  const { page } = visited;
  await page.evaluate("switchboard('close')");
  const leave = (age: number) => page.evaluate((at) => sessionStorage.setItem("switchboard.widget.talk.open", `${at}`), Date.now() - age);
  await leave(61_000);
  await page.reload();
  await staysClosed(visited);
  await leave(1_000);
  await page.reload();
  await opensAgain(visited);
  await visited.close();
});

test("another tab and another site are closed", async () => {
  const visited = await talking();
  const { page } = visited;
  const other = await page.context().newPage();
  await other.goto(page.url());
  await staysClosed({ ...visited, page: other, panel: other.locator("switchboard-widget .panel") });
  await other.close();
  await page.goto(page.url().replace("talk", "list"));
  await hasLooked(visited);
  await visited.launcher.hover();
  await staysClosed(visited, "list");
  await visited.close();
});

test("who has signed out finds it closed", async () => {
  const visited = await talking();
  const { page } = visited;
  await stub(page, (it) => it.change({ conversations: [] }));
  await expect.poll(() => page.evaluate("Object.keys(localStorage)")).not.toContain("switchboard.widget.talk.session");
  await page.evaluate("window.left = 0; addEventListener('pagehide', () => (left = sessionStorage.length))");
  await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))");
  expect(await page.evaluate("left")).toBe(0);
  await visited.close();
});

test("on a phone the next page is not hidden, and one that is loaded again is as it was", async () => {
  const phone = { viewport: { width: 390, height: 844 }, screen: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
  const visited = await talking({}, phone);
  const { page } = visited;
  await page.reload();
  await opensAgain(visited);
  await page.goto(page.url().replace("shop.html", "shortcuts.html"));
  await staysClosed(visited);
  await visited.close();
});

test("in an iframe it is open again too", async () => {
  const visited = await stage.visit({ query: { site: "talk", isolation: "frame", server: "same" } });
  await openPanel(visited);
  await visited.page.reload();
  await opensAgain(visited);
  expect(await visited.page.evaluate("document.activeElement === document.body")).toBe(true);
  await visited.close();
});

test("where storage is blocked nothing is said, and the next page is closed", async () => {
  const visited = await stage.visit({ page: "blocked-storage", query: { site: "talk" } });
  await openPanel(visited);
  await visited.page.reload();
  await hasLooked(visited);
  expect(await isOpen(visited)).toBe(0);
  expect(visited.said).toEqual([]);
  await visited.close();
});

const ofNobody = (visited: Visit) => visited.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]");
const panels = ({ requests }: Visit) => requests.filter((url) => url.includes("/assets/widget-")).length;

for (const [identity, what] of [["'token-of-ana'", "a token"], ["async () => 'token-of-ana'", "a function"]] as const)
  for (const how of ["boot", "identify"])
    test(`a signed visitor on a new device has its badge, though nobody comes near: ${what} by ${how}`, async () => {
      const visited = await stage.visit({ query: { site: "newdevice" } }, how === "boot" ? (page) => page.addInitScript(`window.switchboard = (...call) => (switchboard.q ??= []).push(call); switchboard("boot", { identity: ${identity} })`) : undefined);
      const { page, launcher } = visited;
      await launcher.waitFor();
      if (how === "identify") await page.evaluate(`switchboard("identify", ${identity})`);
      await expect.poll(() => page.locator(".unread .badge").textContent()).toBe("2");
      expect(await stub(page, ({ calls }) => calls.filter(([name]) => name === "identify"))).toEqual([["identify", "token-of-ana"]]);
      await visited.close();
    });

for (const identity of ["null", "undefined", "() => null", "async () => null", "async () => { throw new Error('no network') }"])
  test(`a stranger's page loads no panel: ${identity}`, async () => {
    const visited = await stage.visit({ query: { site: "newdevice" } });
    const { page, launcher } = visited;
    await launcher.waitFor();
    await page.evaluate(`window.asked = 0; switchboard("identify", ${identity.includes("=>") ? `() => (asked++, (${identity})())` : identity})`);
    if (identity.includes("=>")) await expect.poll(() => page.evaluate("asked")).toBe(1);
    await page.evaluate(() => new Promise((resolve) => requestIdleCallback(() => setTimeout(resolve))));
    expect(panels(visited)).toBe(0);
    expect(await ofNobody(visited)).toEqual([0, 0, ""]);
    expect(visited.said).toEqual([]);
    await visited.close();
  });

test("who signs out before the page has answered loads no panel", async () => {
  const visited = await stage.visit({ query: { site: "newdevice" } });
  const { page, launcher } = visited;
  await launcher.waitFor();
  await page.evaluate("window.asked = 0; switchboard('identify', () => (asked++, new Promise((resolve) => (window.answer = resolve))))");
  await expect.poll(() => page.evaluate("asked")).toBe(1);
  await page.evaluate("switchboard('identify', null); answer('token-of-ana')");
  await page.evaluate(() => new Promise((resolve) => requestIdleCallback(() => setTimeout(resolve))));
  expect(panels(visited)).toBe(0);
  await visited.close();
});
