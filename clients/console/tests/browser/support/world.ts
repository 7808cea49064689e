/** A real server with people in it, and browsers before it. */
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, type BrowserContextOptions, type Page, chromium } from "playwright-core";
import { standalone } from "../../../../engines/server/standalone.ts";
import type { Server } from "../../../../engines/server/server.ts";
import { type Served, serve } from "../../../dev/serve.ts";

const dist = join(import.meta.dirname, "../../../../dist");

export interface Person {
  email: string;
  password: string;
  name: string;
}

export interface Visitor {
  id: number;
  say(body: string): Promise<void>;
  page(url: string, title: string): Promise<void>;
  messages(): Promise<{ body: string; sender_type: string }[]>;
}

export class World {
  readonly server: Server;
  readonly front: Served;
  readonly browser: Browser;
  #people = 0;

  private constructor(server: Server, front: Served, browser: Browser) {
    this.server = server;
    this.front = front;
    this.browser = browser;
  }

  /** SWITCHBOARD_URL is a server that runs already, with SWITCHBOARD_BIN for its accounts; else STANDALONE is started, and writes into `log`. */
  static async begin(running = process.env["SWITCHBOARD_URL"], log = join(tmpdir(), `console-server-${process.pid}.log`)): Promise<World> {
    const server = running ? already(running) : await standalone(log);
    const front = await serve(dist, () => server.url);
    const browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
    return new World(server, front, browser);
  }

  person(name: string, role: "operator" | "admin" = "operator", sites: readonly string[] = []): Person {
    const email = `${role}-${process.pid}-${++this.#people}-${Date.now()}@example.com`;
    const printed = this.server.admin("user", "add", "--email", email, "--name", name, "--role", role, ...sites.flatMap((site) => ["--site", site]));
    return { email, name, password: /^password: (.+)$/m.exec(printed)?.[1] ?? "" };
  }

  async rest<T>(method: string, path: string, token: string | null, body?: unknown): Promise<T> {
    const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const answer = await fetch(this.server.url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  async token({ email, password }: Person): Promise<string> {
    return (await this.rest<{ access_token: string }>("POST", "/auth/login", null, { email, password })).access_token;
  }

  async visitor(name: string | null, more: Record<string, unknown> = {}): Promise<Visitor> {
    const opened = await this.rest<{ session_id: number; token: string }>("POST", "/chat/session", null, { ...(name ? { name } : {}), locale: "en-GB", page_url: "https://shop.example/lamps", ...more });
    const { session_id: id, token } = opened;
    return {
      id,
      say: async (body) => void (await this.rest("POST", `/chat/session/${id}/messages`, token, { body, client_id: crypto.randomUUID() })),
      page: (url, title) => this.rest("POST", `/chat/session/${id}/signals`, token, { type: "page", url, title }),
      messages: async () => (await this.rest<{ messages: { body: string; sender_type: string }[] }>("GET", `/chat/session/${id}/messages?limit=200`, token)).messages,
    };
  }

  /** A browser of its own. `said` is what its page complained of. */
  async open(options: BrowserContextOptions = {}, hash = ""): Promise<{ page: Page; context: BrowserContext; said: string[] }> {
    const context = await this.browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", ...options });
    const page = await context.newPage();
    const said: string[] = [];
    page.on("console", (message) => message.type() === "error" && said.push(message.text()));
    page.on("pageerror", (error) => said.push(`uncaught: ${error.message}`));
    await page.goto(`${this.front.url}/console/${hash}`);
    return { page, context, said };
  }

  async signedIn(person: Person, options: BrowserContextOptions = {}): Promise<{ page: Page; context: BrowserContext; said: string[] }> {
    const opened = await this.open(options);
    await signIn(opened.page, person);
    return opened;
  }

  async end(): Promise<void> {
    await this.browser.close();
    this.front.close();
    await this.server.close();
  }
}

export async function signIn(page: Page, { email, password }: Person): Promise<void> {
  await page.locator("input[type=email]").fill(email);
  await page.locator("input[type=password]").fill(password);
  await page.keyboard.press("Enter");
  await page.locator(".lists").waitFor();
}

function already(url: string): Server {
  const program = process.env["SWITCHBOARD_BIN"] ?? "";
  const nothing = () => Promise.resolve();
  return { url, shape: "running", parts: [], kill: nothing, start: nothing, admin: (...args) => execFileSync(program, args, { encoding: "utf8" }), connections: () => Promise.resolve(0), close: nothing };
}
