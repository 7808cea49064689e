import { expect, test } from "vitest";
import { type Visit, openPanel, opensAgain, serveStub, setStage, stub } from "./support.ts";

const stage = setStage(serveStub);

async function opened(site: string, options: Parameters<typeof stage.visit>[0] = {}): Promise<Visit> {
  const visited = await stage.visit({ ...options, query: { site, ...options.query } });
  await openPanel(visited);
  return visited;
}
const calls = (visited: Visit, name: string): Promise<unknown[][]> => stub(visited.page, ({ calls }) => calls).then((all) => all.filter(([called]) => called === name));

test("Enter sends, Shift+Enter breaks the line, and an Enter that ends a composition does neither", async () => {
  const visited = await opened("empty");
  const field = visited.panel.locator("textarea");
  await field.pressSequentially("one");
  await field.press("Shift+Enter");
  await field.pressSequentially("two");
  await field.dispatchEvent("keydown", { key: "Enter", isComposing: true, bubbles: true });
  expect(await field.inputValue()).toBe("one\ntwo");
  await field.press("Enter");
  expect(await field.inputValue()).toBe("");
  expect(await calls(visited, "send")).toEqual([["send", "one\ntwo"]]);
  await visited.panel.locator(".mine .tick[aria-label='Waiting to be sent']").waitFor();
  await visited.close();
});

test("a message of 10,001 characters is told before it is sent", async () => {
  const visited = await opened("empty");
  await visited.panel.locator("textarea").fill("😀".repeat(10_001));
  expect(await visited.panel.locator(".count").textContent()).toContain("1 character too many");
  expect(await visited.panel.locator(".send").isDisabled()).toBe(true);
  await visited.panel.locator("textarea").press("Enter");
  expect(await calls(visited, "send")).toEqual([]);
  await visited.panel.locator("textarea").fill("😀".repeat(10_000));
  expect(await visited.panel.locator(".count").textContent()).toContain("0 characters left");
  expect(await visited.panel.locator(".send").isDisabled()).toBe(false);
  await visited.close();
});

test("the site's required name is asked for in clear words before the first message", async () => {
  const visited = await opened("prechat");
  const { panel } = visited;
  await panel.locator("textarea").fill("Where is my lamp?");
  await panel.locator("input[name=email]").fill("nowhere");
  await panel.locator(".send").click();
  expect(await panel.locator(".fault").allTextContents()).toEqual(["Please give your name.", "This is not an e-mail address. Example: ana@example.com"]);
  expect(await panel.locator("input[name=name]").evaluate((field: HTMLElement) => field.matches(":focus"))).toBe(true);
  await panel.locator("input[name=name]").fill("Ana");
  await panel.locator("input[name=email]").fill("ana@example.com");
  await panel.locator(".send").click();
  expect(await calls(visited, "setProfile")).toEqual([["setProfile", { name: "Ana", email: "ana@example.com" }, "visitor"]]);
  expect(await calls(visited, "send")).toEqual([["send", "Where is my lamp?"]]);
  await expect.poll(() => panel.locator("input").count()).toBe(0);
  await visited.close();
});

for (const [identity, what] of [["'token-of-ana'", "a token"], ["async () => 'token-of-ana'", "a function"]] as const)
  test(`a visitor whom the page has signed by ${what} is asked for neither name nor e-mail`, async () => {
    const visited = await opened("asked");
    const { panel, page } = visited;
    expect(await panel.locator("input").count()).toBe(2);
    await panel.locator("input[name=email]").fill("nowhere");
    await page.evaluate(`switchboard("identify", ${identity})`);
    await expect.poll(() => panel.locator("input").count()).toBe(0);
    await panel.locator("textarea").fill("Where is my lamp?");
    await panel.locator("textarea").press("Enter");
    expect(await calls(visited, "send")).toEqual([["send", "Where is my lamp?"]]);
    expect(await calls(visited, "setProfile")).toEqual([]);
    await visited.close();
  });

test("a visitor whom the page's function does not know is asked, and so is one who signed out", async () => {
  const visited = await opened("asked");
  const { panel, page } = visited;
  await page.evaluate("switchboard('identify', 'token-of-ana')");
  await expect.poll(() => panel.locator("input").count()).toBe(0);
  await page.evaluate("switchboard('identify', async () => null)");
  await expect.poll(() => panel.locator("input").count()).toBe(2);
  await page.evaluate("switchboard('identify', 'token-of-ana')");
  await expect.poll(() => panel.locator("input").count()).toBe(0);
  await page.evaluate("switchboard('identify', null)");
  await expect.poll(() => panel.locator("input").count()).toBe(2);
  await visited.close();
});

test("where visitors must sign in nothing can be written before, and what was written is kept", async () => {
  const visited = await opened("signed");
  const { panel, page } = visited;
  const field = panel.locator("textarea");
  await panel.locator(".problem", { hasText: "Please sign in" }).waitFor();
  expect(await field.isDisabled()).toBe(true);
  expect(await panel.locator("input").count()).toBe(0);
  await expect.poll(() => panel.locator("h2").evaluate((title) => title.matches(":focus"))).toBe(true);
  await page.evaluate("switchboard('identify', async () => 'token-of-ana')");
  await field.fill("Where is my lamp?");
  await page.evaluate("switchboard('identify', null)");
  await expect.poll(() => field.isDisabled()).toBe(true);
  expect(await field.inputValue()).toBe("Where is my lamp?");
  expect(await panel.locator(".send").isDisabled()).toBe(true);
  await page.evaluate("switchboard('identify', async () => null)");
  await panel.locator(".problem").waitFor();
  expect(await field.isDisabled()).toBe(true);
  await page.evaluate("switchboard('identify', 'token-of-ana')");
  await expect.poll(() => field.isDisabled()).toBe(false);
  await field.press("Enter");
  expect(await calls(visited, "send")).toEqual([["send", "Where is my lamp?"]]);
  await visited.close();
});

test("where visitors must sign in whoever was signed once goes on", async () => {
  const { panel, close } = await opened("signedtalk");
  await expect.poll(() => panel.locator("textarea").isDisabled()).toBe(false);
  expect(await panel.locator(".problem").count()).toBe(0);
  await panel.getByRole("button", { name: "Menu" }).click();
  await panel.getByRole("menuitem", { name: "New conversation" }).click();
  await expect.poll(() => panel.locator(".message").count()).toBe(0);
  expect(await panel.locator("textarea").isDisabled()).toBe(false);
  await close();
});

test("options that nobody knows are told once, and are as if they were left out", async () => {
  const query = { theme: "blue", position: "top", isolation: "iframe", color: "reddish", language: "tlh" };
  const { said, panel, page, close } = await opened("empty-e11d48", { query });
  await expect.poll(() => said).toEqual([
    'Switchboard: theme "blue" is left out. It can be light, dark, auto.',
    'Switchboard: position "top" is left out. It can be right, left.',
    'Switchboard: isolation "iframe" is left out. It can be shadow, frame.',
    'Switchboard: color "reddish" is left out. It can be #rrggbb.',
    'Switchboard: language "tlh" is left out. It can be en, de, es, pt, fr, ru, ar.',
  ]);
  expect(await panel.getAttribute("data-theme")).toBe("light");
  expect(await page.locator("switchboard-widget .sb").evaluate((frame) => frame.style.getPropertyValue("--accent"))).toBe("rgb(225,29,72)");
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(() => panel.getAttribute("data-theme")).toBe("dark");
  await close();
});

test("what the page has said of a visitor is not asked, and what it says wrongly is", async () => {
  const visited = await opened("asked");
  const { panel, page } = visited;
  await page.evaluate("switchboard('setAttributes', { email: 'ana@example.com', name: ' ', plan: 'pro' })");
  await expect.poll(() => panel.locator("input").evaluateAll((all) => all.map((field) => (field as HTMLInputElement).name))).toEqual(["name"]);
  await page.evaluate("switchboard('setAttributes', { email: 'nowhere', name: 'Ana' })");
  await expect.poll(() => panel.locator("input").evaluateAll((all) => all.map((field) => (field as HTMLInputElement).name))).toEqual(["email"]);
  await visited.close();
});

test("an e-mail address that the server refuses is asked for again, and what was written is there", async () => {
  const visited = await opened("prechat");
  const { panel, page } = visited;
  await panel.locator("textarea").fill("Where is my lamp?");
  await panel.locator("input[name=name]").fill("Ana");
  await panel.locator("input[name=email]").fill("ana@exam\u2800ple.com");
  await panel.locator(".send").click();
  await panel.locator(".mine .body", { hasText: "Where is my lamp?" }).waitFor();
  await panel.locator("textarea").fill("Are you");
  await stub(page, (it) => it.refuse("email"));
  await panel.locator("#sb-email-fault").waitFor();
  expect(await panel.locator(".fault").allTextContents()).toEqual(["This is not an e-mail address. Example: ana@example.com"]);
  expect(await panel.locator("input[name=name]").inputValue()).toBe("Ana");
  expect(await panel.locator("input[name=email]").inputValue()).toBe("ana@exam\u2800ple.com");
  expect(await panel.locator("input[name=email]").evaluate((field: HTMLElement) => field.matches(":focus"))).toBe(true);
  expect(await panel.locator("textarea").inputValue()).toBe("Where is my lamp?\nAre you");
  expect(await panel.locator(".problem, .message").count()).toBe(0);
  await panel.locator("input[name=email]").fill("ana@example.com");
  await panel.locator(".send").click();
  expect((await calls(visited, "setProfile")).at(-1)).toEqual(["setProfile", { name: "Ana", email: "ana@example.com" }, "visitor"]);
  expect((await calls(visited, "send")).at(-1)).toEqual(["send", "Where is my lamp?\nAre you"]);
  await visited.close();
});

test("a message whose contact was refused is there after a reload", async () => {
  const visited = await opened("prechat");
  const { panel, page } = visited;
  await panel.locator("textarea").fill("Where is my lamp?");
  await panel.locator("input[name=name]").fill("Ana");
  await panel.locator(".send").click();
  await stub(page, (it) => it.refuse("name"));
  await panel.locator("#sb-name-fault").waitFor();
  await page.reload();
  await openPanel(visited);
  expect(await panel.locator("textarea").inputValue()).toBe("Where is my lamp?");
  await visited.close();
});

for (const [how, isAsked] of [["left out", true], ["given", true], ["not asked for", false]] as const)
  test(`an e-mail address that was ${how} before the first message is ${isAsked ? "not asked for again" : "asked for"} when nobody is there`, async () => {
    const visited = await opened(isAsked ? "away" : "empty");
    const { panel, page } = visited;
    expect(await panel.locator("input[name=email]").count()).toBe(isAsked ? 1 : 0);
    if (how === "given") await panel.locator("input[name=email]").fill("ana@example.com");
    await panel.locator("textarea").fill("Is anybody there?");
    await panel.locator("textarea").press("Enter");
    await stub(page, (it) => (it.opened(), it.online(false)));
    await panel.locator(".tick[aria-label=Sent]").waitFor();
    await panel.locator(".presence", { hasText: "We are away" }).waitFor();
    // What asks later has come by then.
    await panel.getByRole("button", { name: "Menu" }).click();
    await panel.getByRole("menuitem").first().waitFor();
    expect(await panel.locator(".card").count()).toBe(isAsked ? 0 : 1);
    if (!isAsked) {
      await page.keyboard.press("Escape");
      await panel.locator(".card input").fill("ana@example.com");
      await panel.locator(".card").getByRole("button", { name: "Save" }).click();
      await panel.locator(".notice", { hasText: "We will write to ana@example.com" }).waitFor();
      expect(await calls(visited, "setProfile")).toEqual([["setProfile", { email: "ana@example.com" }]]);
    }
    await visited.close();
  });

test("a failed message stays, with Retry and Delete", async () => {
  const visited = await opened("failed");
  const failed = visited.panel.locator(".message", { hasText: "did not go out" });
  await failed.getByRole("button", { name: "Retry" }).click();
  expect((await calls(visited, "retry")).length).toBe(1);
  await failed.getByRole("button", { name: "Delete" }).click();
  await failed.waitFor({ state: "detached" });
  await visited.close();
});

test("HTML and scripts in a message are text, and only links of allowed schemes are links", async () => {
  const visited = await opened("hostile");
  const { panel, page } = visited;
  expect(await panel.locator(".body").first().textContent()).toBe('<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>');
  expect(await page.evaluate("window.hacked")).toBeUndefined();
  const links = await panel.locator(".body a").evaluateAll((all) => all.map((link) => [link.getAttribute("href"), link.getAttribute("rel"), link.getAttribute("target")]));
  expect(links).toEqual([["https://good.example/a_(b)?c=1&d=", "noopener nofollow", "_blank"]]);
  await visited.close();
});

test("the log stays at its end only when it is there; else a pill counts what came", async () => {
  const visited = await opened("long");
  const { panel, page } = visited;
  const log = panel.locator(".log");
  const fromEnd = () => log.evaluate((element) => Math.round(element.scrollHeight - element.scrollTop - element.clientHeight));
  await expect.poll(fromEnd).toBeLessThan(2);
  await stub(page, (it) => it.receive("At the end"));
  await panel.locator(".body", { hasText: "At the end" }).waitFor();
  await expect.poll(fromEnd).toBeLessThan(2);
  await log.evaluate((element) => void (element.scrollTop = 900));
  await panel.locator(".pill").waitFor();
  await stub(page, (it) => (it.receive("One more"), it.receive("And another")));
  await expect.poll(() => panel.locator(".pill").textContent()).toBe("2 new");
  expect(await log.evaluate((element) => element.scrollTop)).toBe(900);
  await panel.locator(".pill").click();
  await expect.poll(fromEnd).toBeLessThan(2);
  expect(await panel.locator(".pill").count()).toBe(0);
  await visited.close();
});

test("older messages that are loaded above move nothing", async () => {
  const visited = await opened("long");
  const { panel, page } = visited;
  const log = panel.locator(".log");
  await log.evaluate((element) => void (element.scrollTop = 200));
  await expect.poll(async () => (await calls(visited, "loadOlder")).length).toBeGreaterThan(0);
  const seen = panel.locator(".message").nth(4);
  const text = await seen.locator(".body").textContent();
  const before = await seen.boundingBox();
  await stub(page, (it) => it.older(30));
  await panel.locator(".body", { hasText: "Older 30" }).waitFor({ state: "attached" });
  const after = await panel.locator(".message", { has: page.getByText(text ?? "", { exact: true }) }).boundingBox();
  expect(Math.abs((after?.y ?? 0) - (before?.y ?? 0))).toBeLessThan(2);
  await visited.close();
});

test("messages are read after a second in sight, not before", async () => {
  const visited = await opened("unread");
  const start = Date.now();
  await visited.panel.locator(".new").waitFor();
  await expect.poll(async () => (await calls(visited, "read")).length, { timeout: 5_000 }).toBe(1);
  expect(Date.now() - start).toBeGreaterThan(700);
  await visited.close();
});

test("typing is told to the SDK, which says it now and then, and its end after 6 s", async () => {
  const visited = await opened("empty");
  await visited.page.clock.install();
  const field = visited.panel.locator("textarea");
  await field.pressSequentially("hello");
  await visited.page.clock.runFor(5_000);
  await field.pressSequentially("!");
  await visited.page.clock.runFor(5_000);
  expect((await calls(visited, "typing")).every(([, isTyping]) => isTyping)).toBe(true);
  await visited.page.clock.runFor(1_100);
  expect((await calls(visited, "typing")).at(-1)).toEqual(["typing", false]);
  await visited.close();
});

test("Escape closes the menu, then the panel, and the focus goes back to the opener", async () => {
  const visited = await stage.visit({ query: { site: "talk" } });
  const { page, panel } = visited;
  await visited.launcher.waitFor();
  await page.locator("#help").focus();
  await page.keyboard.press("Enter");
  await panel.locator("textarea").waitFor();
  await expect.poll(() => panel.locator("textarea").evaluate((field) => field.matches(":focus"))).toBe(true);
  await panel.getByRole("button", { name: "Menu" }).press("Enter");
  await expect.poll(() => panel.getByRole("menuitem").first().evaluate((item) => item.matches(":focus"))).toBe(true);
  await page.keyboard.press("Escape");
  await panel.locator(".menu").waitFor({ state: "detached" });
  expect(await page.locator(".open").count()).toBe(1);
  await page.keyboard.press("Escape");
  expect(await page.locator(".open").count()).toBe(0);
  expect(await page.evaluate("document.activeElement.id")).toBe("help");
  await visited.close();
});

test("open on an open panel takes the focus into the field, and is told once", async () => {
  const visited = await opened("talk");
  const { page, panel } = visited;
  await page.evaluate("window.opens = 0; switchboard('onOpen', () => opens++)");
  await page.locator("#help").click();
  await expect.poll(() => panel.locator("textarea").evaluate((field) => field.matches(":focus"))).toBe(true);
  expect(await page.evaluate("opens")).toBe(0);
  await page.keyboard.press("Escape");
  expect(await page.evaluate("document.activeElement.id")).toBe("help");
  await visited.close();
});

test("earlier conversations are listed, chosen, and a new one is begun", async () => {
  const visited = await opened("list");
  const { panel } = visited;
  const menu = async (name: string) => {
    await panel.getByRole("button", { name: "Menu" }).click();
    await panel.getByRole("menuitem", { name }).click();
  };
  await menu("Conversations");
  expect(await panel.locator(".entry b").allTextContents()).toEqual(["Olivia Park", "Tomás Ruiz", "Lamp Shop", "Tomás Ruiz"]);
  await panel.locator(".entry").nth(1).click();
  await panel.locator(".body", { hasText: "The invoice is attached" }).waitFor();
  await menu("New conversation");
  await panel.locator(".greeting").waitFor();
  expect(await panel.locator(".message").count()).toBe(0);
  await visited.close();
});

for (const [site, what] of [["awaytext", "a new conversation"], ["awaytalktext", "one that goes on"]] as const)
  test(`the site's text for when nobody is there is in sight in ${what}, once`, async () => {
    const visited = await opened(site);
    const text = visited.panel.locator(".log").getByText("We are back at nine.");
    await expect.poll(() => text.count()).toBe(1);
    const log = await visited.panel.locator(".log").boundingBox();
    const place = await text.boundingBox();
    expect(place?.y).toBeGreaterThan(log?.y ?? 0);
    expect((place?.y ?? 0) + (place?.height ?? 0)).toBeLessThanOrEqual((log?.y ?? 0) + (log?.height ?? 0));
    await stub(visited.page, (it) => it.online());
    await expect.poll(() => text.count()).toBe(0);
    await visited.close();
  });

test("that nobody is there is said once after something was written, and asks for no message", async () => {
  const visited = await opened("away");
  const { panel } = visited;
  expect(await panel.locator(".greeting").textContent()).toContain("Leave a message");
  await panel.locator("textarea").fill("Is anybody there?");
  await panel.locator("textarea").press("Enter");
  await panel.locator(".mine .body").waitFor();
  expect(await panel.locator(".presence").textContent()).toBe("We are away and will answer later");
  expect(await panel.locator(".notice").count()).toBe(0);
  expect((await panel.textContent())?.toLowerCase()).not.toMatch(/leave a message|nobody/);
  await visited.close();
});

test("the banner says what is queued, and only after 3 s", async () => {
  const visited = await opened("talk");
  const { panel, page } = visited;
  await page.clock.install();
  await stub(page, (it) => it.change({ connection: { state: "waiting", transport: null, downSince: Date.now(), retryAt: null, closed: null } }));
  await panel.locator("textarea").fill("Hello?");
  await panel.locator("textarea").press("Enter");
  await page.clock.runFor(2_500);
  expect(await panel.locator(".banner").count()).toBe(0);
  await page.clock.runFor(1_000);
  expect(await panel.locator(".banner").textContent()).toBe("No connection. Trying again… 1 message will be sent when it is back.");
  await visited.close();
});

test("a draft whose page goes right after the last key is kept, and that of a first message leaves nothing behind", async () => {
  const visited = await opened("talk");
  const { panel, page } = visited;
  await page.clock.install();
  await panel.locator("textarea").fill("half a sen");
  await page.reload();
  await opensAgain(visited);
  expect(await panel.locator("textarea").inputValue()).toBe("half a sen");
  await visited.close();
  const first = await opened("empty");
  await first.panel.locator("textarea").fill("half a sen");
  await first.page.reload();
  expect(await first.page.evaluate("[localStorage.length, sessionStorage.length]")).toEqual([0, 0]);
  await first.close();
});

test("a draft belongs to its conversation and is there after a reload", async () => {
  const visited = await opened("list");
  const { panel, page } = visited;
  await panel.locator("textarea").fill("not yet sent");
  await panel.locator("textarea").blur();
  await page.reload();
  await opensAgain(visited);
  expect(await panel.locator("textarea").inputValue()).toBe("not yet sent");
  await panel.getByRole("button", { name: "Menu" }).click();
  await panel.getByRole("menuitem", { name: "New conversation" }).click();
  expect(await panel.locator("textarea").inputValue()).toBe("");
  await visited.close();
});

test("on a phone the panel is the screen, and no field is below 16 px", async () => {
  const visited = await stage.visit({ query: { site: "prechat" }, viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await visited.launcher.tap();
  await visited.panel.locator("textarea").waitFor();
  await visited.page.waitForFunction(() => document.querySelector("switchboard-widget")?.shadowRoot?.querySelector(".box")?.getAnimations().length === 0);
  expect(await visited.panel.boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 844 });
  const sizes = await visited.panel.locator("input, textarea").evaluateAll((all) => all.map((field) => Number.parseFloat(getComputedStyle(field).fontSize)));
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(16);
  expect(await visited.launcher.isVisible()).toBe(false);
  await visited.panel.getByRole("button", { name: "Close chat" }).tap();
  await visited.launcher.waitFor();
  await visited.close();
});

test("a sound is made by choice, in the leading tab, once in 3 s, and not where the visitor looks", async () => {
  const visited = await opened("talk");
  const { page, panel } = visited;
  await page.evaluate("window.tones = 0; const make = AudioContext.prototype.createOscillator; AudioContext.prototype.createOscillator = function () { tones++; return make.call(this); }");
  await panel.getByRole("button", { name: "Menu" }).click();
  await panel.getByRole("menuitemcheckbox", { name: "Sound for new messages" }).click();
  await panel.getByRole("button", { name: "Close chat" }).click();
  await expect.poll(async () => {
    await stub(page, (it) => it.receive("ding"));
    return page.evaluate("tones");
  }).toBe(2);
  await stub(page, (it) => it.receive("at once again"));
  expect(await page.evaluate("tones")).toBe(2);
  await visited.close();
});

test("the title of the page counts the unread only by choice", async () => {
  const visited = await opened("unread");
  const { page, panel } = visited;
  expect(await page.title()).toBe("Lamp Shop");
  await panel.getByRole("button", { name: "Menu" }).click();
  await panel.getByRole("menuitemcheckbox", { name: "Unread count in the page title" }).click();
  await page.locator(".launcher").click();
  await stub(page, (it) => it.change({ unread: 4 }));
  await expect.poll(() => page.title()).toBe("(4) Lamp Shop");
  await stub(page, (it) => it.change({ unread: 0 }));
  await expect.poll(() => page.title()).toBe("Lamp Shop");
  await visited.close();
});

test("in an iframe the panel works alike, and the page cannot reach into it", async () => {
  const visited = await stage.visit({ page: "frame-policy", query: { site: "unread", isolation: "frame" } });
  const { page, panel, said } = visited;
  await openPanel(visited);
  expect(await page.locator(".badge").textContent()).toBe("3");
  expect(await page.evaluate("document.querySelector('switchboard-widget').shadowRoot.querySelector('iframe').contentDocument")).toBeNull();
  await panel.locator("textarea").fill("from within");
  await panel.locator("textarea").press("Enter");
  await panel.locator(".mine .body", { hasText: "from within" }).waitFor();
  // Words of another window are none of the panel's.
  await page.evaluate("postMessage({ switchboard: 'close', values: [] }, '*')");
  await page.evaluate("switchboard('setAttributes', { plan: 'pro' })");
  await panel.getByRole("button", { name: "Close chat" }).click();
  await expect.poll(() => page.locator(".open").count()).toBe(0);
  expect(said).toEqual([]);
  await visited.close();
});

test("a frame has the focus when it opens, and what is typed goes into its field, though the browser lets no script focus it first", async () => {
  // As WebKit does it: in a frame of another site `focus()` does nothing before the visitor has touched the frame.
  const refuse = `if (parent !== window) {
    const { focus } = HTMLElement.prototype;
    HTMLElement.prototype.focus = () => undefined;
    addEventListener("keydown", () => (HTMLElement.prototype.focus = focus), { capture: true });
  }`;
  const visited = await stage.visit({ query: { site: "talk", isolation: "frame" } }, (page) => page.addInitScript(refuse));
  const { page, panel } = visited;
  await openPanel(visited);
  await expect.poll(() => page.evaluate("document.activeElement?.shadowRoot?.activeElement?.localName")).toBe("iframe");
  expect(await panel.locator("textarea").evaluate((field) => field.matches(":focus"))).toBe(false);
  await page.keyboard.type("hello");
  expect(await panel.locator("textarea").inputValue()).toBe("hello");
  expect(await panel.locator("textarea").evaluate((field) => field.matches(":focus"))).toBe(true);
  await visited.close();
});

test("Escape closes a frame in which nothing has the focus", async () => {
  const visited = await stage.visit({ query: { site: "talk", isolation: "frame" } });
  const { page, panel } = visited;
  await openPanel(visited);
  await expect.poll(() => panel.locator("textarea").evaluate((field) => field.matches(":focus"))).toBe(true);
  await panel.locator("textarea").evaluate((field: HTMLElement) => field.blur());
  await page.keyboard.press("Escape");
  await expect.poll(() => page.locator(".open").count()).toBe(0);
  expect(await page.evaluate("document.activeElement?.shadowRoot?.activeElement?.className")).toBe("launcher");
  await visited.close();
});

test("identify, then another person, then nobody", async () => {
  const visited = await opened("empty");
  await visited.page.evaluate("switchboard('identify', 'token-of-ana')");
  await visited.page.evaluate("switchboard('identify', async () => 'token-of-ben')");
  await visited.page.evaluate("switchboard('identify', null)");
  await expect.poll(() => calls(visited, "identify")).toEqual([["identify", "token-of-ana"], ["identify", "token-of-ben"], ["identify", null]]);
  await visited.close();
});

test("destroy takes everything away, and boot brings it back", async () => {
  const visited = await opened("talk");
  await visited.page.evaluate("switchboard('destroy')");
  expect(await visited.page.locator("switchboard-widget").count()).toBe(0);
  await visited.page.evaluate("switchboard('boot', { position: 'left', color: '#0f766e' })");
  await openPanel(visited);
  expect((await visited.launcher.boundingBox())?.x).toBeLessThan(40);
  await visited.close();
});
