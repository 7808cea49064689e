import { type Browser, type BrowserContextOptions, type Locator, type Page, chromium } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { serveGallery } from "../../dev/server.ts";

interface Options extends BrowserContextOptions {
  theme?: "light" | "dark" | "system";
  language?: "en" | "ar";
}

export interface Visit {
  page: Page;
  /** What was done last, as the page tells. */
  last: Locator;
  /** What the page said in the browser's console, breaches of its policy among it, and mistakes that nobody caught. */
  said: string[];
  /** The name of what has the focus. */
  focused(): Promise<string>;
  close(): Promise<void>;
}

/** One browser for the tests of a file; the answer opens the gallery anew. */
export function gallery(): (options?: Options) => Promise<Visit> {
  let browser: Browser;
  let served: Awaited<ReturnType<typeof serveGallery>>;
  beforeAll(async () => {
    served = await serveGallery();
    browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  });
  afterAll(async () => {
    await browser.close();
    served.close();
  });
  return async ({ theme = "light", language = "en", ...options } = {}) => {
    const context = await browser.newContext({ viewport: { width: 1180, height: 860 }, locale: "en-GB", reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(`uncaught: ${error.message}`));
    await page.goto(`${served.address}?theme=${theme}&language=${language}`);
    await page.locator(".ui-row").first().waitFor();
    const focused = () =>
      page.evaluate(() => {
        const element = document.activeElement;
        return element?.getAttribute("aria-label") ?? element?.querySelector(".ui-entry-text")?.textContent ?? (element instanceof HTMLInputElement ? (element.labels?.[0]?.textContent ?? "") : (element?.textContent ?? ""));
      });
    return { page, said, last: page.locator("#last"), focused, close: () => context.close() };
  };
}
