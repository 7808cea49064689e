/**
 * A talk goes on through everything that breaks: at the end the visitor's page shows, and its storage holds, what the server
 * holds. The server is this test's own, since it is killed on the way:
 *
 *   SWITCHBOARD_BIN=…/standalone DATABASE_URL=postgres://… npm run test:browser -w widget -- breaks
 *
 * BREAKS=long takes the network away for 60 s instead of 15. EMBEDDED=1 takes the clients out of the program, not from ../dist.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page, WebSocketRoute } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Origins, serve } from "../../dev/server.ts";
import { type Message, Operator } from "./operator.ts";
import { type Visit, launch, openPanel, opensAgain, visit } from "./support.ts";

const program = process.env["SWITCHBOARD_BIN"] ?? "";
const canRun = program !== "" && !!process.env["DATABASE_URL"];
const OFFLINE_MS = process.env["BREAKS"] === "long" ? 60_000 : 15_000;
const SOON = { timeout: 20_000 };
const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
/** Messages that a page keeps for its next opening. */
const CACHED = 50;
const DAY = 24 * 60 * 60 * 1000;
const widget = join(import.meta.dirname, "../..");
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Whether something comes true in time. */
async function within(ms: number, check: () => Promise<boolean> | boolean): Promise<boolean> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(50)) if (await check()) return true;
  return false;
}

/** The server, which is killed and comes back at the same address. */
class Server {
  readonly url: string;
  #data = mkdtempSync(join(tmpdir(), "switchboard-"));
  #process: ChildProcess | null = null;

  constructor(port: number) {
    this.url = `http://127.0.0.1:${port}`;
  }

  async start(settings: Record<string, string> = {}): Promise<void> {
    const env = { ...process.env, HTTP__BIND: this.url.slice("http://".length), DATA_DIR: this.#data, ...settings };
    this.#process = spawn(program, [], { env, stdio: "ignore" });
    while (!(await fetch(`${this.url}/readyz`).then(({ ok }) => ok, () => false))) await sleep(100);
  }

  async kill(): Promise<void> {
    const gone = new Promise((resolve) => this.#process?.once("exit", resolve) ?? resolve(null));
    this.#process?.kill("SIGKILL");
    await gone;
  }

  remove(): void {
    rmSync(this.#data, { recursive: true, force: true });
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });

interface Row {
  row: string;
  seconds: number;
  messages: number;
  lost: number;
  twice: number;
  order: "kept" | "CHANGED";
}
/** What a page keeps for its next opening. */
interface Cache {
  chats: { id: number; messages: Message[] }[];
}

describe.skipIf(!canRun)("whatever breaks", () => {
  const rows: Row[] = [];
  let server: Server;
  let browser: Browser;
  let origins: Origins;
  let olivia: Operator;
  let site: string;

  beforeAll(async () => {
    server = new Server(await freePort());
    await server.start();
    const build = process.env["EMBEDDED"] ? null : join(widget, "../dist");
    origins = await serve({ build, pages: join(widget, "test-pages"), api: server.url });
    browser = await launch();
    olivia = await Operator.signIn(server.url);
    site = `breaks-${process.pid}-${Date.now() % 100_000}`;
    execFileSync(program, ["site", "add", "--key", site, "--name", "Lamp Shop"], { stdio: "ignore" });
    execFileSync(program, ["site", "allow", "--key", site, "--origin", origins.page], { stdio: "ignore" });
    // The server learns of a site's origins in its own time.
    const isAllowed = () => fetch(`${server.url}/chat/sites/${site}`, { headers: { origin: origins.page } }).then(({ ok }) => ok);
    expect(await within(SOON.timeout, isAllowed)).toBe(true);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    origins?.close();
    await server?.kill();
    server?.remove();
    console.table(rows);
  });

  /** A visitor and the operator, who number what they write. */
  class Talk {
    readonly visited: Visit;
    started = Date.now();
    id = 0;
    /** What each has written, in order. */
    readonly written = { visitor: [] as string[], operator: [] as string[] };

    constructor(visited: Visit) {
      this.visited = visited;
    }

    get page(): Page {
      return this.visited.page;
    }

    async begin(): Promise<void> {
      await openPanel(this.visited);
      const opened = this.page.waitForResponse((answer) => answer.request().method() === "POST" && new URL(answer.url()).pathname === "/chat/session");
      await this.write(1);
      this.id = ((await (await opened).json()) as { session_id: number }).session_id;
      await this.settled();
    }

    async write(count = 1): Promise<void> {
      for (let i = 0; i < count; i++) {
        const body = `visitor ${this.written.visitor.length + 1}`;
        this.written.visitor.push(body);
        await this.visited.panel.locator("textarea").fill(body);
        await this.visited.panel.locator("textarea").press("Enter");
      }
    }

    async answer(count = 1): Promise<void> {
      for (let i = 0; i < count; i++) {
        const body = `operator ${this.written.operator.length + 1}`;
        this.written.operator.push(body);
        await olivia.say(this.id, body);
      }
    }

    shown = (page = this.page): Promise<string[]> => page.locator("switchboard-widget .message .body").allTextContents();

    /** All that both have written is on the page; what is not so in time is counted by `compare`. */
    async settled(page = this.page, timeout = 30_000): Promise<void> {
      const { visitor, operator } = this.written;
      const count = visitor.length + operator.length;
      const queued = page.locator("switchboard-widget .tick[data-tick=queued]");
      await within(timeout, async () => (await this.shown(page)).length >= count && (await queued.count()) === 0);
      await within(5_000, async () => (await olivia.messages(this.id)).length >= count);
    }

    /** Adds a row of the table: the page and its storage beside the server. */
    async compare(name: string, page = this.page): Promise<void> {
      await this.settled(page);
      const kept = (await olivia.messages(this.id)).map(({ id, body }) => `${id} ${body}`);
      const bodies = kept.map((line) => line.slice(line.indexOf(" ") + 1));
      const stored = async () => {
        const text = await page.evaluate(() => Object.entries(localStorage).find(([key]) => key.endsWith(":cache"))?.[1] ?? null);
        const chat = (JSON.parse(text ?? '{"chats":[]}') as Cache).chats.find(({ id }) => id === this.id);
        return (chat?.messages ?? []).map(({ id, body }) => `${id} ${body}`);
      };
      // The storage is written half a second later.
      await within(5_000, async () => String(await stored()) === String(kept.slice(-CACHED)));
      const all = [...this.written.visitor, ...this.written.operator];
      const views = [bodies, await this.shown(page), [...bodies.slice(0, -CACHED), ...(await stored()).map((line) => line.slice(line.indexOf(" ") + 1))]];
      const lost = Math.max(...views.map((view) => all.filter((body) => !view.includes(body)).length));
      const twice = Math.max(...views.map((view) => view.length - new Set(view).size));
      const isInOrder = views.every((view) => Object.values(this.written).every((list) => String(view.filter((body) => list.includes(body))) === String(list))) && views.every((view) => String(view) === String(bodies));
      rows.push({ row: name, seconds: Math.round((Date.now() - this.started) / 100) / 10, messages: all.length, lost, twice, order: isInOrder ? "kept" : "CHANGED" });
      expect(views, name).toEqual([bodies, bodies, bodies]);
      expect({ lost, twice, isInOrder }).toEqual({ lost: 0, twice: 0, isInOrder: true });
    }
  }

  async function talk(options: Parameters<typeof visit>[2] = {}, prepare?: (page: Page) => Promise<void>): Promise<Talk> {
    const visited = await visit(browser, origins, { ...options, query: { site } }, prepare);
    const made = new Talk(visited);
    await made.begin();
    return made;
  }
  const isDown = (page: Page) => page.locator("switchboard-widget .banner").waitFor({ timeout: 15_000 });

  for (const [size, options] of [["desktop", {}], ["phone", PHONE]] as const) {
    test(`a talk on a ${size}: both ways, typing, ticks, a reload`, async () => {
      const made = await talk(options);
      const { visited, page } = made;
      const { panel } = visited;
      const heard: { type: string; session_id?: number; data?: { sender_type?: string } }[] = [];
      const channel = await olivia.connect();
      channel.addEventListener("message", ({ data }) => heard.push(JSON.parse(String(data))));
      await panel.locator("textarea").pressSequentially("hm");
      await expect.poll(() => heard.some(({ type, data }) => type === "chat.typing" && data?.sender_type === "client"), SOON).toBe(true);
      channel.send(JSON.stringify({ type: "typing", session_id: made.id, is_typing: true }));
      await panel.locator(".typing", { hasText: "Olivia Park is typing" }).waitFor(SOON);
      await made.answer(2);
      await made.write(2);
      await made.settled();
      const { id: last = 0 } = (await olivia.messages(made.id)).at(-1) ?? {};
      await olivia.mark(made.id, "read", last);
      await panel.locator(".mine .tick[aria-label=Read]").last().waitFor(SOON);
      const isRead = async () => (await olivia.rest<{ marks: { reader_type: string; read_seq: number }[] }>("GET", `/chat/session/${made.id}/messages?limit=1`)).marks.some(({ reader_type, read_seq }) => reader_type === "client" && read_seq > 0);
      await expect.poll(isRead, SOON).toBe(true);
      channel.close();
      await page.reload();
      await opensAgain(visited);
      await made.answer();
      await made.write();
      await made.compare(`a talk, ${size}, with a reload`);
      await visited.close();
    }, 90_000);

    test(`the server is killed and comes back, ${size}`, async () => {
      const made = await talk(options);
      await made.answer(2);
      await server.kill();
      await made.write(3);
      await isDown(made.page);
      await server.start();
      await made.answer(2);
      await made.write();
      await made.compare(`kill -9 of the server, ${size}`);
      await made.visited.close();
    }, 120_000);

    test(`without a network, ${size}`, async () => {
      const made = await talk(options);
      await made.page.context().setOffline(true);
      await made.answer(3);
      await made.write(3);
      await sleep(OFFLINE_MS);
      await made.page.context().setOffline(false);
      await made.answer();
      await made.write();
      await made.compare(`${OFFLINE_MS / 1000} s without a network, ${size}`);
      await made.visited.close();
    }, 150_000);
  }

  test("a reload while messages wait without a network", async () => {
    const made = await talk();
    await server.kill();
    await made.write(3);
    // The page itself comes from elsewhere, its script from the same server.
    const reloaded = made.page.reload();
    await server.start();
    await reloaded;
    await made.page.reload();
    await made.answer(2);
    await opensAgain(made.visited);
    await made.compare("a reload with 3 queued, the server killed");
    await made.visited.close();
  }, 120_000);

  test("eight tabs have one socket, one sound, equal badges, and one takes over", async () => {
    const sockets = new Set<unknown>();
    const watch = async (page: Page) => {
      page.on("websocket", (socket) => {
        if (!socket.url().includes("/channel/ws")) return;
        sockets.add(socket);
        socket.on("close", () => sockets.delete(socket));
      });
      await page.addInitScript(`window.tones = 0; { const make = AudioContext.prototype.createOscillator; AudioContext.prototype.createOscillator = function () { tones++; return make.call(this); }; }`);
    };
    const made = await talk({}, watch);
    const { panel, page, launcher } = made.visited;
    await panel.getByRole("button", { name: "Menu" }).click();
    await panel.getByRole("menuitemcheckbox", { name: /sound/i }).click();
    await page.keyboard.press("Escape");
    await launcher.click();
    const tabs = [page];
    for (let i = 1; i < 8; i++) {
      const tab = await page.context().newPage();
      await watch(tab);
      await tab.goto(page.url());
      await tab.locator("switchboard-widget .launcher").waitFor();
      await tab.mouse.click(5, 5);
      tabs.push(tab);
    }
    await sleep(1_500);
    expect(sockets.size).toBe(1);
    await made.answer(2);
    const badges = () => Promise.all(tabs.map((tab) => tab.locator("switchboard-widget .badge").textContent()));
    await expect.poll(badges, SOON).toEqual(tabs.map(() => "2"));
    await sleep(500);
    const tones = await Promise.all(tabs.map((tab) => tab.evaluate("tones") as Promise<number>));
    expect(tones.reduce((sum, count) => sum + count), `tones of one sound in ${String(tones)}`).toBe(2);
    expect(sockets.size).toBe(1);
    const closed = Date.now();
    await page.close();
    tabs.shift();
    await expect.poll(() => sockets.size, { interval: 20, timeout: 5_000 }).toBe(1);
    const took = Date.now() - closed;
    await made.answer();
    await expect.poll(badges, SOON).toEqual(tabs.map(() => "3"));
    const [next] = tabs as [Page];
    await next.locator("switchboard-widget .launcher").click();
    await expect.poll(badges, { timeout: 10_000 }).toEqual(tabs.map(() => expect.stringMatching(/^0?$/)));
    console.info(`8 tabs: 1 socket, 1 sound (tones by tab ${tones.join(" ")}); the next leader had a socket after ${took} ms`);
    expect(took).toBeLessThan(1_500);
    await made.compare("8 tabs, the leading one closed", next);
    await made.visited.close();
  }, 120_000);

  test("a WebSocket that is blocked, then the stream too", async () => {
    const blocked = { stream: false };
    const used = new Set<string>();
    const made = await talk({}, async (page) => {
      await page.routeWebSocket(/\/channel\/ws/, (socket) => socket.close({ code: 3000 }));
      await page.route(/\/channel\/sse/, (route) => (blocked.stream ? route.abort() : route.continue()));
      page.on("request", (request) => used.add(/\/channel\/\w+/.exec(request.url())?.[0] ?? ""));
    });
    await made.answer(2);
    await made.write(2);
    await made.settled();
    expect(used).toContain("/channel/sse");
    await made.compare("WebSocket blocked: SSE");
    blocked.stream = true;
    used.clear();
    await server.kill();
    await server.start();
    await made.answer(2);
    await made.write(2);
    await made.compare("the stream blocked too: polling");
    expect(used).toContain("/channel/poll");
    await made.answer(2);
    await made.compare("over polls");
    await made.visited.close();
  }, 150_000);

  const CODES: [number, string][] = [
    [4001, "token expired"], [4002, "slow consumer"], [4003, "idle"], [4004, "restart; retry_after_ms=1500"], [4005, "unavailable"], [4006, "rate limited; retry_after_ms=1000"], [4007, "scope changed"],
    [4500, "bad token"], [4501, "revoked"], [4502, "too many connections"], [4503, "bad frame"], [4504, "too large"], [4505, "no init"], [4599, "of tomorrow"],
  ];
  test("each close code", async () => {
    let latest: WebSocketRoute | null = null;
    let opened = 0;
    const made = await talk({}, (page) =>
      page.routeWebSocket(/\/channel\/ws/, (socket) => {
        latest = socket;
        opened++;
        socket.connectToServer();
      }),
    );
    for (const [code, reason] of CODES) {
      const started = Date.now();
      // A connection that has held for a while, as one that the server closes.
      await sleep(code < 4500 ? 5_200 : 500);
      const before = opened;
      const socket = latest as WebSocketRoute | null;
      await socket?.close({ code, reason });
      await made.answer();
      if (code > 4500) {
        await made.page.locator("switchboard-widget .banner").waitFor(SOON);
        expect(opened).toBe(before);
      }
      await made.write();
      await expect.poll(() => opened, SOON).toBeGreaterThan(before);
      made.started = started;
      await made.compare(`closed with ${code}`);
    }
    await made.visited.close();
  }, 300_000);

  test("asleep for a day", async () => {
    const made = await talk({}, (page) => page.clock.install());
    const { page } = made;
    const renewals: string[] = [];
    page.on("request", (request) => request.url().includes("/channel-token") && renewals.push(request.url()));
    await page.context().setOffline(true);
    await made.answer(3);
    await page.clock.fastForward(DAY);
    await page.context().setOffline(false);
    await made.answer();
    await made.write(2);
    await made.compare("asleep for a day");
    expect(renewals.length).toBeGreaterThan(0);
    await made.visited.close();
  }, 90_000);

  test("a token of yesterday in the storage", async () => {
    const made = await talk();
    await made.page.goto("about:blank");
    await made.answer(2);
    await made.page.goBack();
    await made.page.evaluate(() => {
      for (const [key, value] of Object.entries(localStorage)) if (key.endsWith(":device")) localStorage.setItem(key, value.replace(/"token":"[^"]+"/, '"token":"of.yesterday"'));
    });
    await made.page.reload();
    await opensAgain(made.visited);
    await made.answer();
    await made.write(2);
    await made.compare("a token that is refused");
    await made.visited.close();
  }, 90_000);

  test("tokens that live for 12 s", async () => {
    await server.kill();
    await server.start({ AUTH__SESSION_TTL: "12s" });
    const made = await talk();
    for (let i = 0; i < 6; i++) {
      await made.answer();
      await made.write();
      await sleep(4_000);
    }
    await made.page.context().setOffline(true);
    await made.answer(2);
    await made.write(2);
    await sleep(14_000);
    await made.page.context().setOffline(false);
    await made.compare("tokens that live for 12 s, one passes without a network");
    await made.visited.close();
    await server.kill();
    await server.start();
  }, 150_000);
});
