import { join } from "node:path";
import { type Browser, type BrowserContextOptions, type FrameLocator, type JSHandle, type Locator, type Page, chromium } from "playwright-core";
import type { VisitorSnapshot } from "@switchboard/sdk";
import { afterAll, beforeAll } from "vitest";
import { type Origins, serve } from "../../dev/server.ts";

const widget = join(import.meta.dirname, "../..");

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** The widget as it is built (or as the program has it, with EMBEDDED), before the server at SWITCHBOARD_URL. */
export const serveReal = (): Promise<Origins> => serve({ build: process.env["EMBEDDED"] ? null : join(widget, "../dist"), pages: join(widget, "test-pages"), api: process.env["SWITCHBOARD_URL"] });

/** The widget as it is built, with no server but for a site's settings. */
export const serveBuilt = (): Promise<Origins> => serve({ build: join(widget, "../dist"), pages: join(widget, "test-pages") });

/** The widget over the stub of the SDK, and the pages for tests. */
export const serveStub = (): Promise<Origins> => serve({ build: join(widget, "dist/stub"), pages: join(widget, "test-pages") });

export interface Visit {
  page: Page;
  launcher: Locator;
  panel: Locator;
  /** What the page said in the browser's console, and mistakes that nobody caught. */
  said: string[];
  /** Everything that the page asked a server for. */
  requests: string[];
  close(): Promise<void>;
}

interface Options extends BrowserContextOptions {
  page?: string;
  query?: Record<string, string>;
}

/** A new visitor's browser on one of the pages for tests. */
export async function visit(
  browser: Browser,
  origins: Origins,
  { page: name = "shop", query = {}, ...options }: Options = {},
  prepare?: (page: Page) => Promise<unknown>,
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1180, height: 860 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  const said: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(`uncaught: ${error.message}`));
  page.on("request", (request) => requests.push(request.url()));
  await prepare?.(page);
  await page.goto(`${origins.page}/${name}.html?${new URLSearchParams(query)}`);
  const inside: Page | FrameLocator = query["isolation"] === "frame" ? page.frameLocator("switchboard-widget iframe") : page;
  return { page, said, requests, launcher: page.locator("switchboard-widget .launcher"), panel: inside.locator(".panel"), close: () => context.close() };
}

/** What all tests of a file, or of a `describe`, share. */
export class Stage {
  browser!: Browser;
  origins!: Origins;

  visit(options?: Options, prepare?: (page: Page) => Promise<unknown>): Promise<Visit> {
    return visit(this.browser, this.origins, options, prepare);
  }
}

/** A browser and the pages, from the first test to the last. */
export function setStage(serve: () => Promise<Origins>): Stage {
  const stage = new Stage();
  beforeAll(async () => {
    [stage.origins, stage.browser] = await Promise.all([serve(), launch()]);
  });
  afterAll(async () => {
    await stage.browser?.close();
    stage.origins?.close();
  });
  return stage;
}

/** By the launcher. */
export async function openPanel({ launcher, panel }: Visit): Promise<void> {
  await launcher.click();
  await panel.locator("textarea").waitFor();
}

/** A panel that was open on the page before opens by itself. */
export const opensAgain = ({ panel }: Visit): Promise<void> => panel.locator("textarea").waitFor();

/** The loader has decided what it does by itself: the page's first look at the site is behind it. */
export async function hasLooked({ page }: Visit): Promise<void> {
  await page.waitForFunction(() => document.querySelector("switchboard-widget")?.shadowRoot?.querySelector(".sb.shown"));
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
}

export interface Stub {
  calls: unknown[][];
  snapshot(): VisitorSnapshot;
  receive(body: string): void;
  miss(body: string, how?: { to?: number; by?: string; minutes?: number; isLive?: boolean }): void;
  opened(): void;
  refuse(field: string): void;
  online(isOnline?: boolean): void;
  older(count: number): void;
  change(next: Partial<VisitorSnapshot>): void;
}

/** Acts on the stub of the SDK in the page. */
export const stub = async <T>(page: Page, act: (stub: Stub) => T): Promise<T> => {
  const handle: JSHandle<Stub> = await page.evaluateHandle("stub");
  return (await handle.evaluate(act as (stub: Stub) => unknown)) as T;
};
