/** One tab: a page with the widget, its panel open. What it does it does one after the other. */
import type { BrowserContext, Page } from "playwright-core";
import type { ShownMessage, TabReport } from "./words.ts";

/** While parts of the server are away a page may come without the widget: then it is loaded again, as people do. */
const WIDGET_MS = 15_000;
const TRIES = 12;
const WHOLE_MS = 20_000;

interface Kept {
  sessions: number[];
  queued: number;
}

export class Tab {
  readonly number: number;
  reloads = 0;
  retried = 0;
  #context: BrowserContext;
  #address: string;
  #say: (text: string) => void;
  #page: Page | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: BrowserContext, address: string, number: number, say: (text: string) => void) {
    this.#context = context;
    this.#address = address;
    this.number = number;
    this.#say = say;
  }

  open(): Promise<void> {
    return this.#next(() => this.#open());
  }

  /** Whether the composer took it. */
  write(text: string): Promise<boolean> {
    return this.#next(() => this.#write(text));
  }

  /** What was written just before lies in the outbox, and must outlive it. */
  reload(text: string | null): Promise<boolean> {
    return this.#next(async () => {
      const isTaken = text !== null && (await this.#write(text));
      await this.#load(true);
      return isTaken;
    });
  }

  reopen(text: string, pauseMs: number): Promise<boolean> {
    return this.#next(async () => {
      const isTaken = await this.#write(text);
      await this.#page?.close();
      this.#say("closed");
      await sleep(pauseMs);
      await this.#open();
      return isTaken;
    });
  }

  report(): Promise<TabReport> {
    return this.#next(() => this.#report());
  }

  kept(): Promise<Kept> {
    return this.#next(() => this.#kept());
  }

  #next<T>(act: () => Promise<T>): Promise<T> {
    const next = this.#last.then(act);
    this.#last = next.catch(() => undefined);
    return next;
  }

  get #shown(): Page {
    if (!this.#page) throw new Error("the tab is not open");
    return this.#page;
  }

  async #open(): Promise<void> {
    const page = (this.#page = await this.#context.newPage());
    page.on("console", (message) => this.#say(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => this.#say(`uncaught: ${error.message}`));
    page.on("crash", () => this.#say("crashed"));
    await this.#load(false);
  }

  async #load(isAgain: boolean): Promise<void> {
    const page = this.#shown;
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        if (isAgain || tries > 0) this.reloads++;
        await (isAgain || tries > 0 ? page.reload({ waitUntil: "commit" }) : page.goto(this.#address, { waitUntil: "commit" }));
        await page.waitForFunction(() => "script" in (window.switchboard ?? {}), null, { timeout: WIDGET_MS });
        await page.evaluate(() => window.switchboard?.("open"));
        await page.locator("switchboard-widget .panel textarea").waitFor({ timeout: WIDGET_MS });
        return;
      } catch (error) {
        this.#say(`no widget yet: ${String(error).split("\n")[0]}`);
      }
    }
    throw new Error(`tab ${this.number}: the widget did not come in ${TRIES} tries`);
  }

  async #write(text: string): Promise<boolean> {
    await this.#retry();
    const field = this.#shown.locator("switchboard-widget .panel textarea");
    await field.fill(text);
    await field.press("Enter");
    return (await field.inputValue()) === "";
  }

  /** A message that was told as failed waits for the visitor, who tries again. */
  async #retry(): Promise<void> {
    const failed = this.#shown.locator("switchboard-widget .meta.failed");
    for (let left = await failed.count(); left > 0; left--) {
      this.#say(`failed: ${await failed.first().locator("[title]").getAttribute("title")}`);
      this.retried++;
      // It may have been sent meanwhile.
      await failed.first().locator(".link").first().click({ timeout: 2_000 }).catch(() => undefined);
    }
  }

  /** From the browser's storage, where the SDK keeps it. */
  #kept(): Promise<Kept> {
    return this.#shown.evaluate(() => {
      const read = (end: string): unknown => {
        const key = Object.keys(localStorage).find((one) => /^switchboard:.*:/.test(one) && one.endsWith(end));
        return JSON.parse((key && localStorage.getItem(key)) ?? "null") as unknown;
      };
      const device = read(":device") as { sessions: { id: number }[] } | null;
      return { sessions: device?.sessions.map(({ id }) => id) ?? [], queued: Object.keys(localStorage).filter((key) => key.includes(":outbox:")).length };
    });
  }

  async #report(): Promise<TabReport> {
    await this.#retry();
    const isWhole = await this.#showAll();
    const panel = this.#shown.locator("switchboard-widget .panel");
    const shown = await panel.evaluate((element): ShownMessage[] =>
      [...element.querySelectorAll<HTMLElement>(".log .message")].map((message) => ({
        key: message.dataset["key"] ?? "",
        mine: message.classList.contains("mine"),
        text: message.querySelector(".body")?.textContent ?? "",
      })),
    );
    const banner = (await panel.locator(".banner").allTextContents()).join(" ");
    const { queued } = await this.#kept();
    await this.#scroll("end");
    return { tab: this.number, queued, isWhole, banner, shown };
  }

  /** Scrolls up until the history begins. */
  async #showAll(): Promise<boolean> {
    const beginning = this.#shown.locator("switchboard-widget .log .greeting");
    const end = Date.now() + WHOLE_MS;
    while ((await beginning.count()) === 0) {
      if (Date.now() > end) return false;
      await this.#scroll("start");
      await sleep(50);
    }
    return true;
  }

  async #scroll(to: "start" | "end"): Promise<void> {
    await this.#shown.locator("switchboard-widget .log").evaluate(async (log, place) => {
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      // A place that it is at already is no scrolling.
      log.scrollTop = log.scrollHeight / 2;
      await frame();
      log.scrollTop = place === "start" ? 0 : log.scrollHeight;
      await frame();
    }, to);
  }
}

declare global {
  interface Window {
    switchboard?: ((...call: unknown[]) => unknown) | undefined;
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
