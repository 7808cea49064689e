/** WebKitGTK's MiniBrowser under Xvfb, by plain W3C WebDriver. */
import { type ChildProcess, spawn } from "node:child_process";
import { globSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { until } from "../wait.ts";
import type { Engine, Key, Size, Tab, Visitor, Where } from "./driver.ts";
import { end, find, launch } from "./programs.ts";

const LOG = process.env["WEBKIT_LOG"] ?? "/dev/null";
const KEY_CODES: Record<Key, string> = { Tab: "\uE004", Enter: "\uE007", Escape: "\uE00C" };
/** A page that does not answer must not hold up all that follows. */
const COMMAND_MS = 20_000;
const NARROWEST = 450;

const miniBrowser = (): string | null => globSync("/usr/lib/*/webkit2gtk-4.*/MiniBrowser").sort().at(-1) ?? null;

export const WEBKIT: Engine = {
  name: "WebKitGTK",
  missing() {
    if (!find("WebKitWebDriver") || !miniBrowser()) return "webkit2gtk-driver is not installed";
    return find("Xvfb") ? null : "xvfb is not installed";
  },
  async start() {
    const [screen, display] = await startScreen();
    const env = { ...process.env, DISPLAY: display, GDK_BACKEND: "x11", LIBGL_ALWAYS_SOFTWARE: "1", NO_AT_BRIDGE: "1", LANG: "C.UTF-8" };
    const probe = await openSession(env);
    await probe.end();
    return { version: probe.version, visitor: (size) => newVisitor(env, size), close: () => end(screen) };
  },
};

/** Xvfb chooses a display that nobody has, and says which. */
async function startScreen(): Promise<[ChildProcess, string]> {
  const screen = spawn("setpriv", ["--pdeathsig", "KILL", "--", "Xvfb", "-displayfd", "3", "-screen", "0", "1400x1100x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
    detached: true,
  });
  const number = await new Promise<string>((resolve, reject) => {
    screen.once("exit", () => reject(new Error("Xvfb has ended")));
    screen.stdio[3]?.once("data", (data: Buffer) => resolve(data.toString().trim()));
  });
  return [screen, `:${number}`];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function ask<T>(server: string, method: string, path: string, body?: unknown): Promise<T> {
  const signal = AbortSignal.timeout(COMMAND_MS);
  const answer = await fetch(server + path, { method, signal, ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }) }).catch((error: unknown) => {
    throw new Error(`${method} ${path}: ${String(error)} ${JSON.stringify(body ?? null).slice(0, 200)}`);
  });
  const { value } = (await answer.json()) as { value: T & { error?: string; message?: string } };
  if (!answer.ok) throw new Error(`${method} ${path}: ${value.error} ${value.message}`);
  return value;
}

interface Opened {
  server: string;
  id: string;
  version: string;
  end(): Promise<void>;
}

/** A driver of its own for each visitor: it has one session at a time, and now and then the one after another never begins. */
async function openSession(env: NodeJS.ProcessEnv, tries = 3): Promise<Opened> {
  const port = await freePort();
  const server = `http://127.0.0.1:${port}`;
  const driver = launch(find("WebKitWebDriver") ?? "", [`--port=${port}`, "--host=127.0.0.1"], LOG, env);
  const options = { binary: miniBrowser(), args: ["--automation"] };
  try {
    await until("WebKitWebDriver listens", COMMAND_MS, async () => (await fetch(`${server}/status`)).ok);
    const { sessionId, capabilities } = await ask<{ sessionId: string; capabilities: { browserVersion: string } }>(server, "POST", "/session", {
      capabilities: { alwaysMatch: { "webkitgtk:browserOptions": options } },
    });
    return { server, id: sessionId, version: capabilities.browserVersion, end: () => end(driver) };
  } catch (error) {
    await end(driver);
    if (tries <= 1) throw error;
    return openSession(env, tries - 1);
  }
}

async function newVisitor(env: NodeJS.ProcessEnv, size: Size): Promise<Visitor> {
  const { server, id, end } = await openSession(env);
  const session = new Session(server, id);
  await session.resize(size);
  const [first] = await session.ask<string[]>("GET", "/window/handles");
  let isFirstTaken = false;
  return {
    async tab() {
      // A window: a tab that is not in front gets no clicks here.
      const handle = isFirstTaken ? (await session.ask<{ handle: string }>("POST", "/window/new", { type: "window" })).handle : (first ?? "");
      isFirstTaken = true;
      return tabOf(session, handle);
    },
    close: end,
  };
}

/** Commands go to one window and one frame at a time. */
class Session {
  #server: string;
  #id: string;
  #at = "";
  #turn: Promise<unknown> = Promise.resolve();

  constructor(server: string, id: string) {
    this.#server = server;
    this.#id = id;
  }

  ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    return ask<T>(this.#server, method, `/session/${this.#id}${path}`, body);
  }

  /** Makes the page's window that large; MiniBrowser has a bar above it, and is no narrower than that. */
  async resize({ width: wanted, height }: Size): Promise<void> {
    const width = Math.max(wanted, NARROWEST);
    const inner = async () => this.ask<[number, number]>("POST", "/execute/sync", { script: "return [innerWidth, innerHeight]", args: [] });
    const outer = await this.ask<{ width: number; height: number }>("GET", "/window/rect");
    const [innerWidth, innerHeight] = await inner();
    await this.ask("POST", "/window/rect", { x: 0, y: 0, width: width + outer.width - innerWidth, height: height + outer.height - innerHeight });
    let now = [0, 0];
    await until(`the window is ${width} x ${height}`, 10_000, async () => (now = await inner()).join() === `${width},${height}`, async () => `it is ${now.join(" x ")}`);
  }

  /** Runs commands in a tab, alone. */
  in<T>(handle: string, where: Where, commands: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      if (this.#at !== handle) await this.ask("POST", "/window", { handle });
      this.#at = handle;
      if (where === "page") return commands();
      const iframe = await this.ask<unknown>("POST", "/execute/sync", { script: 'return document.querySelector("switchboard-widget").shadowRoot.querySelector("iframe")', args: [] });
      await this.ask("POST", "/frame", { id: iframe });
      try {
        return await commands();
      } finally {
        await this.ask("POST", "/frame", { id: null });
      }
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  forget(handle: string): void {
    if (this.#at === handle) this.#at = "";
  }
}

/** An answer in words of our own: a thrown error of the page would lose its text. */
const asAsync = (expression: string): string => `
  const done = arguments[arguments.length - 1];
  Promise.resolve().then(() => (${expression})).then((value) => done({ value }), (error) => done({ error: String(error) }));`;

function tabOf(session: Session, handle: string): Tab {
  const command = <T>(method: string, path: string, body?: unknown) => session.in(handle, "page", () => session.ask<T>(method, path, body));
  const keys = (codes: string[]) =>
    command<void>("POST", "/actions", {
      actions: [{ type: "key", id: "keys", actions: codes.flatMap((value) => ["keyDown", "keyUp"].map((type) => ({ type, value }))) }],
    });
  return {
    open: (url) => command("POST", "/url", { url }),
    reload: () => command("POST", "/refresh", {}),
    async run(where, expression) {
      const { value, error } = await session.in(handle, where, () =>
        session.ask<{ value?: unknown; error?: string }>("POST", "/execute/async", { script: asAsync(expression), args: [] }),
      );
      if (error !== undefined) throw new Error(error);
      return value;
    },
    click: (x, y) =>
      command("POST", "/actions", {
        actions: [
          {
            type: "pointer",
            id: "mouse",
            parameters: { pointerType: "mouse" },
            actions: [{ type: "pointerMove", duration: 0, origin: "viewport", x: Math.round(x), y: Math.round(y) }, { type: "pointerDown", button: 0 }, { type: "pointerUp", button: 0 }],
          },
        ],
      }),
    type: (text) => keys([...text]),
    press: (key) => keys([KEY_CODES[key]]),
    picture: async () => Buffer.from(await command<string>("GET", "/screenshot"), "base64"),
    heard: () => null,
    async close() {
      await command("DELETE", "/window");
      session.forget(handle);
    },
  };
}
