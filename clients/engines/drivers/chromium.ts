import { type Page, chromium } from "playwright-core";
import type { Engine, Tab } from "./driver.ts";
import { find } from "./programs.ts";

export const chromiumProgram = (): string | null => process.env["CHROMIUM"] ?? find("chromium", "chromium-browser", "google-chrome");

/** Root may not use the sandbox, and containers often cannot. The others make pictures the same everywhere. */
export const CHROMIUM_ARGS = ["--no-sandbox", "--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb", "--disable-gpu"];

export const CHROMIUM: Engine = {
  name: "Chromium",
  missing: () => (chromiumProgram() ? null : "chromium is not installed"),
  async start() {
    const browser = await chromium.launch({ executablePath: chromiumProgram() ?? "", args: CHROMIUM_ARGS });
    return {
      version: browser.version(),
      async visitor({ width, height, isPhone = false }) {
        const context = await browser.newContext({ viewport: { width, height }, locale: "en-GB", isMobile: isPhone, hasTouch: isPhone });
        return { tab: async () => tabOf(await context.newPage()), close: () => context.close() };
      },
      close: () => browser.close(),
    };
  },
};

function tabOf(page: Page): Tab {
  const heard: string[] = [];
  page.on("console", (message) => heard.push(message.text()));
  page.on("pageerror", ({ message }) => heard.push(`uncaught: ${message}`));
  return {
    open: async (url) => void (await page.goto(url)),
    reload: async () => void (await page.reload()),
    run(where, expression) {
      const frame = where === "page" ? page.mainFrame() : page.frames().find((frame) => new URL(frame.url()).pathname === "/widget/frame");
      if (!frame) throw new Error("the widget has no iframe");
      return frame.evaluate(expression);
    },
    click: (x, y) => page.mouse.click(x, y),
    type: (text) => page.keyboard.type(text),
    press: (key) => page.keyboard.press(key),
    picture: () => page.screenshot(),
    heard: () => heard,
    close: () => page.close(),
  };
}
