/**
 * A visitor in Chromium and an operator by REST, on a running server:
 *
 *   SWITCHBOARD_URL=http://127.0.0.1:8080 SWITCHBOARD_BIN=target/debug/standalone DATABASE_URL=… npm run test:browser
 */
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { Operator } from "./operator.ts";
import { type Stage, type Visit, openPanel, opensAgain, serveReal, setStage } from "./support.ts";

const server = process.env["SWITCHBOARD_URL"] ?? "";
const program = process.env["SWITCHBOARD_BIN"] ?? "";
const SOON = { timeout: 15_000 };

/** What a site's own server does: a JWT with HMAC-SHA256. */
function sign(kid: string, secret: string, claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT", kid })}.${part({ ...claims, exp: Math.floor(Date.now() / 1000) + 3_600 })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

describe.skipIf(server === "" || program === "")("on a real server", () => {
  const stage = setStage(serveReal);
  let olivia: Operator;
  beforeAll(async () => {
    olivia = await Operator.signIn(server);
  });

  let sites = 0;
  const admin = (...args: string[]) => execFileSync(program, ["site", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  function addSite(origin: string): string {
    const key = `widget-${process.pid}-${++sites}-${Date.now() % 100_000}`;
    admin("add", "--key", key, "--name", "Lamp Shop");
    admin("allow", "--key", key, "--origin", origin);
    return key;
  }
  async function makeSite(...settings: string[]): Promise<string> {
    const key = addSite(stage.origins.page);
    if (settings.length > 0) admin("set", "--key", key, ...settings);
    await expect.poll(() => isAllowed(key), SOON).toBe(true);
    return key;
  }
  /** Each part of the server learns a site's origins in its own time; the SDK waits for the channel by itself. */
  const isAllowed = (site: string) => fetch(`${server}/chat/sites/${site}`, { headers: { origin: stage.origins.page } }).then(({ ok }) => ok);
  const arrive = async (options: Parameters<Stage["visit"]>[0] = {}, ...settings: string[]): Promise<Visit> =>
    stage.visit({ ...options, query: { site: await makeSite(...settings), ...options.query } });

  /** The id of the session that the panel has opened, as the browser saw it. */
  function sessionOf(page: Page): Promise<number> {
    return page
      .waitForResponse((answer) => answer.request().method() === "POST" && new URL(answer.url()).pathname === "/chat/session")
      .then(async (answer) => ((await answer.json()) as { session_id: number }).session_id);
  }
  async function write(visited: Visit, text: string): Promise<void> {
    await visited.panel.locator("textarea").fill(text);
    await visited.panel.locator("textarea").press("Enter");
  }
  async function begin(visited: Visit, text: string): Promise<number> {
    const session = sessionOf(visited.page);
    await write(visited, text);
    return session;
  }
  const tickOf = (visited: Visit, text: string) => visited.panel.locator(".message", { hasText: text }).locator(".tick");
  const stored = (page: Page) => page.evaluate("Object.keys(localStorage).length + Object.keys(sessionStorage).length + document.cookie.length");

  test("a visitor and an operator talk: sent, delivered, read, typing, answered", async () => {
    const visited = await arrive();
    await openPanel(visited);
    expect(await stored(visited.page)).toBe(0);
    const id = await begin(visited, "Where is my lamp?");
    await tickOf(visited, "Where is my lamp?").and(visited.panel.locator("[aria-label=Sent]")).waitFor(SOON);
    const [message] = await olivia.messages(id);
    expect(message?.body).toBe("Where is my lamp?");
    await olivia.mark(id, "delivered", message?.id ?? 0);
    await expect.poll(() => tickOf(visited, "Where is my lamp?").getAttribute("aria-label"), SOON).toBe("Delivered");
    await olivia.mark(id, "read", message?.id ?? 0);
    await expect.poll(() => tickOf(visited, "Where is my lamp?").getAttribute("aria-label"), SOON).toBe("Read");
    const channel = await olivia.connect();
    channel.send(JSON.stringify({ type: "typing", session_id: id, is_typing: true }));
    await visited.panel.locator(".typing", { hasText: "Olivia Park is typing" }).waitFor(SOON);
    await olivia.say(id, "It left our warehouse on Friday.");
    await visited.panel.locator(".theirs .body", { hasText: "It left our warehouse" }).waitFor(SOON);
    expect(await visited.panel.locator(".theirs .name").textContent()).toBe("Olivia Park");
    channel.close();
    expect(visited.said).toEqual([]);
    await visited.close();
  });

  test("a closed panel counts the unread, also on the next page, until it is read", async () => {
    const visited = await arrive();
    await openPanel(visited);
    const id = await begin(visited, "Hello");
    await visited.panel.getByRole("button", { name: "Close chat" }).click();
    await olivia.say(id, "one");
    await olivia.say(id, "two");
    await expect.poll(() => visited.page.locator(".unread .launcher, .unread .badge").count(), SOON).toBeGreaterThan(0);
    await expect.poll(() => visited.page.locator(".badge").textContent(), SOON).toBe("2");
    await visited.page.reload();
    await expect.poll(() => visited.page.locator(".unread .badge").textContent(), SOON).toBe("2");
    await openPanel(visited);
    await visited.panel.locator(".new").waitFor(SOON);
    await expect.poll(() => visited.page.locator(".sb.unread").count(), SOON).toBe(0);
    // The line is that of this opening: behind what was read, and gone at the next.
    await visited.panel.getByRole("button", { name: "Close chat" }).click();
    await olivia.say(id, "three");
    await expect.poll(() => visited.page.locator(".badge").textContent(), SOON).toBe("1");
    await openPanel(visited);
    await expect.poll(() => visited.panel.locator(".new ~ *", { hasText: "three" }).count(), SOON).toBe(1);
    expect(await visited.panel.locator(".new ~ *", { hasText: "two" }).count()).toBe(0);
    await expect.poll(() => visited.page.locator(".sb.unread").count(), SOON).toBe(0);
    await visited.panel.getByRole("button", { name: "Close chat" }).click();
    await openPanel(visited);
    await visited.panel.locator(".message", { hasText: "three" }).waitFor(SOON);
    expect(await visited.panel.locator(".new").count()).toBe(0);
    await visited.close();
  });

  for (const isolation of ["shadow", "frame"])
    test(`an answer to a closed panel is shown beside the launcher, on the next page too, until it is opened: ${isolation}`, async () => {
      const visited = await arrive({ query: { isolation, server: "same" } });
      const { panel, page } = visited;
      const lines = panel.locator(".preview .lines");
      await openPanel(visited);
      const id = await begin(visited, "Hello");
      await tickOf(visited, "Hello").and(panel.locator("[aria-label=Sent]")).waitFor(SOON);
      await panel.getByRole("button", { name: "Close chat" }).click();
      await olivia.say(id, "It left our warehouse on Friday.");
      await expect.poll(() => lines.allTextContents(), SOON).toEqual(["It left our warehouse on Friday."]);
      await olivia.say(id, "It comes on Monday.");
      await expect.poll(() => lines.allTextContents(), SOON).toEqual(["It comes on Monday."]);
      expect(await panel.locator(".preview").textContent()).toContain("1 more");
      await page.reload();
      await expect.poll(() => lines.allTextContents(), SOON).toEqual(["It comes on Monday."]);
      await panel.locator(".preview .answer").click();
      await panel.locator(".theirs .body", { hasText: "It comes on Monday." }).waitFor(SOON);
      await expect.poll(() => page.locator(".sb.unread").count(), SOON).toBe(0);
      await page.reload();
      await opensAgain(visited);
      await panel.locator(".theirs .body", { hasText: "It comes on Monday." }).waitFor(SOON);
      expect(await lines.count()).toBe(0);
      expect(visited.said).toEqual([]);
      await visited.close();
    }, 60_000);

  test("what was written without a network is told, kept over a reload, and comes once and in order", async () => {
    const visited = await arrive();
    const { page, panel } = visited;
    await openPanel(visited);
    const id = await begin(visited, "first");
    await tickOf(visited, "first").and(panel.locator("[aria-label=Sent]")).waitFor(SOON);
    await page.route(/\/chat\/session/, (route) => route.abort());
    await page.context().setOffline(true);
    await write(visited, "second");
    await write(visited, "third");
    await expect.poll(() => tickOf(visited, "third").getAttribute("aria-label"), SOON).toBe("Waiting to be sent");
    await page.context().setOffline(false);
    await page.reload();
    await opensAgain(visited);
    await panel.locator(".mine .body", { hasText: "third" }).waitFor(SOON);
    await page.unroute(/\/chat\/session/);
    await expect.poll(async () => (await olivia.messages(id)).map(({ body }) => body), { timeout: 25_000 }).toEqual(["first", "second", "third"]);
    await expect.poll(() => tickOf(visited, "third").getAttribute("aria-label"), SOON).toBe("Sent");
    expect(await panel.locator(".mine .body").allTextContents()).toEqual(["first", "second", "third"]);
    await visited.close();
  }, 60_000);

  test("name, e-mail and page of a visitor reach the operator", async () => {
    const visited = await arrive({}, "--prechat-name", "required", "--prechat-email", "optional", "--color", "#0f766e", "--languages", "de,en", "--texts", '{"en":{"greeting":"Ask us about lamps"}}');
    await openPanel(visited);
    expect(await visited.panel.locator(".greeting").textContent()).toContain("Ask us about lamps");
    await visited.panel.locator("input[name=name]").fill("Ana");
    await visited.panel.locator("input[name=email]").fill("ana@example.com");
    const id = await begin(visited, "Hello");
    await expect.poll(async () => (await olivia.session(id)).client, SOON).toMatchObject({ name: "Ana", email: "ana@example.com" });
    expect((await olivia.session(id)).client.page_url).toContain("/shop.html");
    await visited.close();
  });

  test("an e-mail address that the server does not take is asked for again, and attributes that it does not take are left out", async () => {
    const visited = await arrive({}, "--prechat-email", "required");
    await openPanel(visited);
    await visited.page.evaluate((deep) => (window as unknown as { switchboard(...call: unknown[]): void }).switchboard("setAttributes", deep), { a: { b: { c: { d: {} } } } });
    // A blank letter, which the form lets pass.
    await visited.panel.locator("input[name=email]").fill("ana@exam\u2800ple.com");
    await write(visited, "Hello");
    await visited.panel.locator("#sb-email-fault").waitFor(SOON);
    expect(await visited.panel.locator("textarea").inputValue()).toBe("Hello");
    await visited.panel.locator("input[name=email]").fill("ana@example.com");
    await visited.panel.locator(".send").click();
    await tickOf(visited, "Hello").and(visited.panel.locator("[aria-label=Sent]")).waitFor(SOON);
    const id = await visited.page.evaluate(() => {
      const [key = ""] = Object.keys(localStorage).filter((name) => name.endsWith(":device"));
      return (JSON.parse(localStorage.getItem(key) ?? "") as { sessions: { id: number }[] }).sessions[0]?.id ?? 0;
    });
    expect((await olivia.session(id)).client.email).toBe("ana@example.com");
    expect(visited.said.filter((text) => text.includes("metadata was refused"))).toHaveLength(1);
    await visited.close();
  });

  test("where nobody is there, an address is asked for once and kept", async () => {
    const visited = await arrive();
    const { panel } = visited;
    await openPanel(visited);
    await panel.locator(".presence", { hasText: "We are away" }).waitFor(SOON);
    await panel.locator("input[name=email]").fill("ana@example.com");
    const id = await begin(visited, "Is anybody there?");
    await tickOf(visited, "Is anybody there?").and(panel.locator("[aria-label=Sent]")).waitFor(SOON);
    await expect.poll(async () => (await olivia.session(id)).client.email, SOON).toBe("ana@example.com");
    expect(await panel.locator("input").count()).toBe(0);
    await visited.close();
  });

  test("a closed conversation says so, and writing opens it again", async () => {
    const visited = await arrive();
    await openPanel(visited);
    const id = await begin(visited, "Hello");
    await tickOf(visited, "Hello").and(visited.panel.locator("[aria-label=Sent]")).waitFor(SOON);
    await olivia.rest("POST", `/chat/session/${id}/status`, { status: "closed" });
    await visited.panel.locator(".notice", { hasText: "is closed" }).waitFor(SOON);
    await write(visited, "One more thing");
    await expect.poll(async () => (await olivia.session(id)).status, SOON).not.toBe("closed");
    await expect.poll(() => visited.panel.locator(".notice", { hasText: "is closed" }).count(), SOON).toBe(0);
    await visited.close();
  });

  test("a new conversation stands beside the earlier one, in two tabs alike", async () => {
    const visited = await arrive();
    const { page, panel } = visited;
    await openPanel(visited);
    const first = await begin(visited, "about the lamp");
    await tickOf(visited, "about the lamp").and(panel.locator("[aria-label=Sent]")).waitFor(SOON);
    await panel.getByRole("button", { name: "Menu" }).click();
    await panel.getByRole("menuitem", { name: "New conversation" }).click();
    const second = await begin(visited, "about the chair");
    expect(second).not.toBe(first);
    await panel.getByRole("button", { name: "Menu" }).click();
    await panel.getByRole("menuitem", { name: "Conversations" }).click();
    await expect.poll(() => panel.locator(".entry .text .soft").allTextContents(), SOON).toEqual(["You: about the chair", "You: about the lamp"]);
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.locator(".launcher").click();
    await other.locator(".mine .body", { hasText: "about the chair" }).waitFor(SOON);
    await olivia.say(second, "Which chair?");
    await other.locator(".theirs .body", { hasText: "Which chair?" }).waitFor(SOON);
    await panel.locator(".entry").first().click();
    await panel.locator(".theirs .body", { hasText: "Which chair?" }).waitFor(SOON);
    await visited.close();
  });

  test("long histories are loaded as the visitor scrolls up", async () => {
    const visited = await arrive();
    await openPanel(visited);
    const id = await begin(visited, "start");
    for (let i = 1; i <= 120; i++) await olivia.say(id, `answer ${i}`);
    await visited.page.reload();
    await opensAgain(visited);
    await visited.panel.locator(".body", { hasText: "answer 120" }).waitFor(SOON);
    await expect
      .poll(async () => {
        await visited.panel.locator(".log").evaluate((log) => void (log.scrollTop = 0));
        return visited.panel.locator(".mine .body", { hasText: "start" }).count();
      }, { timeout: 20_000 })
      .toBe(1);
    expect(await visited.panel.locator(".message").count()).toBe(121);
    await visited.close();
  }, 60_000);

  test("in an iframe whose storage is blocked, the talk lasts as long as the page", async () => {
    const visited = await arrive({ query: { isolation: "frame" } });
    await openPanel(visited);
    const id = await begin(visited, "from a frame");
    await olivia.say(id, "seen");
    await visited.panel.locator(".theirs .body", { hasText: "seen" }).waitFor(SOON);
    await visited.close();
  });

  test("in an iframe the same talk goes over the frame's own storage", async () => {
    const visited = await arrive({ query: { isolation: "frame", server: "same" } });
    await openPanel(visited);
    const id = await begin(visited, "from a frame");
    await tickOf(visited, "from a frame").and(visited.panel.locator("[aria-label=Sent]")).waitFor(SOON);
    await olivia.say(id, "seen");
    await visited.panel.locator(".theirs .body", { hasText: "seen" }).waitFor(SOON);
    await visited.page.reload();
    await opensAgain(visited);
    await visited.panel.locator(".theirs .body", { hasText: "seen" }).waitFor(SOON);
    expect(await visited.page.evaluate("Object.keys(localStorage)")).toEqual([expect.stringMatching(/^switchboard\.widget\..*\.session$/)]);
    await visited.close();
  });

  test("a site that wants signed visitors asks to sign in, and knows a signed one", async () => {
    const key = await makeSite();
    const made = admin("add-identity-key", "--key", key).toString();
    const [kid, secret] = [/^kid: (.+)$/m, /^secret: (.+)$/m].map((line) => line.exec(made)?.[1] ?? "") as [string, string];
    admin("set", "--key", key, "--identity-required", "true");
    const visited = await stage.visit({ query: { site: key } });
    await openPanel(visited);
    await visited.panel.locator(".problem", { hasText: "Please sign in" }).waitFor(SOON);
    await visited.page.evaluate((token) => (window as unknown as { switchboard(...call: unknown[]): void }).switchboard("identify", token), sign(kid, secret, { identifier: "u-17", name: "Ana" }));
    await expect.poll(() => visited.panel.locator(".problem").count(), SOON).toBe(0);
    const id = await begin(visited, "It is me");
    await expect.poll(async () => (await olivia.session(id)).client.name, SOON).toBe("Ana");
    await visited.close();
  });

  test("a signed visitor's answer is counted and shown on a device that has never been near the launcher", async () => {
    const key = await makeSite();
    const made = admin("add-identity-key", "--key", key).toString();
    const [kid, secret] = [/^kid: (.+)$/m, /^secret: (.+)$/m].map((line) => line.exec(made)?.[1] ?? "") as [string, string];
    const token = sign(kid, secret, { identifier: "u-18", name: "Ana" });
    const arriveSigned = () =>
      stage.visit({ query: { site: key, bare: "" } }, (page) => page.addInitScript(`window.switchboard = (...call) => (switchboard.q ??= []).push(call); switchboard("boot", { site: "${key}", identity: async () => "${token}" })`));
    const tag = { url: `${stage.origins.server}/widget.js` };
    const first = await arriveSigned();
    await first.page.addScriptTag(tag);
    await openPanel(first);
    const id = await begin(first, "Where is my lamp?");
    await tickOf(first, "Where is my lamp?").and(first.panel.locator("[aria-label=Sent]")).waitFor(SOON);
    await first.close();
    await olivia.say(id, "It comes on Monday.");
    const second = await arriveSigned();
    await second.page.addScriptTag(tag);
    await expect.poll(() => second.page.locator(".unread .badge").textContent(), SOON).toBe("1");
    await second.panel.locator(".preview .answer", { hasText: "It comes on Monday." }).click(SOON);
    await second.panel.locator(".mine .body", { hasText: "Where is my lamp?" }).waitFor(SOON);
    expect(second.said).toEqual([]);
    await second.close();
  }, 60_000);

  test("the newcomer's page has the widget and the console", async ({ skip }) => {
    if (!process.env["EMBEDDED"]) skip("EMBEDDED says that the program has these clients in it");
    const page = await stage.browser.newPage();
    await page.goto(`${server}/`);
    await page.frameLocator("#operator").locator("input[name=email]").waitFor(SOON);
    await page.locator("switchboard-widget .launcher").waitFor(SOON);
    await page.close();
  });

  test("a page that the site does not allow is told so in the console", async () => {
    const visited = await stage.visit({ query: { site: addSite("https://shop.example") } });
    await expect.poll(() => visited.said.join("\n"), SOON).toContain(`does not allow pages of ${stage.origins.page}`);
    await visited.close();
  });
});
