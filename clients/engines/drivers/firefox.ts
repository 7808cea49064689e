import { type Page, launch } from "puppeteer-core";
import type { Engine, Tab } from "./driver.ts";
import { find } from "./programs.ts";

const program = (): string | null => process.env["FIREFOX"] ?? find("firefox-esr", "firefox");

/** By WebDriver BiDi, which is all that Firefox speaks. */
export const FIREFOX: Engine = {
  name: "Firefox",
  missing: () => (program() ? null : "firefox-esr is not installed"),
  async start() {
    const browser = await launch({ browser: "firefox", executablePath: program() ?? "", headless: true });
    return {
      version: (await browser.version()).replace(/^\D*/, ""),
      async visitor({ width, height }) {
        const context = await browser.createBrowserContext();
        return {
          async tab() {
            const page = await context.newPage();
            await page.setViewport({ width, height });
            return tabOf(page);
          },
          close: () => context.close(),
        };
      },
      close: () => browser.close(),
    };
  },
};

function tabOf(page: Page): Tab {
  const heard: string[] = [];
  page.on("console", (message) => heard.push(message.text()));
  page.on("pageerror", (error) => heard.push(`uncaught: ${error instanceof Error ? error.message : String(error)}`));
  return {
    open: async (url) => void (await page.goto(url)),
    reload: async () => void (await page.reload()),
    run(where, expression) {
      const frame = where === "page" ? page.mainFrame() : page.frames().find((frame) => frame.url().includes("/widget/frame?"));
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
