/** Pictures of every view, to be looked at: `node dev/pictures.ts <folder> [name…]`. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { serve } from "./server.ts";

const widget = join(import.meta.dirname, "..");
const [folder = "/tmp/widget-pictures", ...only] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const DESKTOP = { width: 1180, height: 860 };
const PHONE = { width: 390, height: 844 };
interface Shot { site: string; language?: string; dark?: boolean; phone?: boolean; closed?: boolean; preview?: boolean; position?: "left"; frame?: boolean; act?: "menu" | "list" | "long" | "fault" | "up" }
const shots: Record<string, Shot> = {
  launcher: { site: "unread", closed: true },
  preview: { site: "unread", preview: true },
  "preview-dark": { site: "unread-0f766e", preview: true, dark: true },
  "preview-phone": { site: "unread-e11d48", preview: true, phone: true },
  "preview-arabic": { site: "arabicunread", language: "ar", preview: true, position: "left" },
  "preview-arabic-phone-dark": { site: "arabicunread", language: "ar", preview: true, phone: true, dark: true },
  "preview-frame": { site: "unread-ffe14d", preview: true, frame: true },
  "preview-hostile": { site: "hostileunread-111111", preview: true },
  empty: { site: "empty" },
  talk: { site: "talk" },
  "talk-dark": { site: "talk", dark: true },
  "talk-phone": { site: "talk", phone: true },
  "talk-phone-dark": { site: "typing", phone: true, dark: true },
  arabic: { site: "arabic", language: "ar" },
  "arabic-phone-dark": { site: "arabic", language: "ar", phone: true, dark: true },
  unread: { site: "unread-0f766e" },
  typing: { site: "typing-e11d48" },
  failed: { site: "failed" },
  offline: { site: "offline-7c3aed" },
  prechat: { site: "prechat" },
  "prechat-fault": { site: "prechat", act: "fault" },
  away: { site: "away-f59e0b" },
  "away-talk": { site: "awaytalk-111111", dark: true },
  "away-text": { site: "awaytext" },
  "away-text-talk": { site: "awaytalktext-0f766e", phone: true },
  closed: { site: "closed-ffe14d" },
  list: { site: "list", act: "list" },
  "list-dark": { site: "list", act: "list", dark: true },
  menu: { site: "list", act: "menu" },
  loading: { site: "loading" },
  long: { site: "talk", act: "long" },
  up: { site: "long", act: "up" },
  hostile: { site: "hostile" },
  german: { site: "away", language: "de" },
  russian: { site: "list", language: "ru", act: "menu" },
  frame: { site: "talk", frame: true },
};

const origins = await serve({ build: join(widget, "dist/stub"), pages: join(widget, "test-pages") });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const [name, shot] of Object.entries(shots)) {
  if (only.length > 0 && !only.includes(name)) continue;
  const context = await browser.newContext({
    viewport: shot.phone ? PHONE : DESKTOP,
    colorScheme: shot.dark ? "dark" : "light",
    isMobile: shot.phone ?? false,
    hasTouch: shot.phone ?? false,
    deviceScaleFactor: shot.phone ? 2 : 1,
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(name, error.message));
  page.on("console", (message) => message.type() === "error" && console.error(name, message.text()));
  const query = new URLSearchParams({ site: shot.site, language: shot.language ?? "en", ...(shot.frame ? { isolation: "frame" } : {}), ...(shot.position && { position: shot.position }) });
  await page.goto(`${origins.page}/shop.html?${query}`);
  await page.locator(".launcher").waitFor();
  if (shot.closed || shot.preview) {
    await page.locator(".launcher").dispatchEvent("pointerenter");
    await page.locator(".unread .launcher").waitFor();
    if (shot.preview) await (shot.frame ? page.frameLocator("iframe") : page).locator(".preview").waitFor();
    // That of the launcher alone.
    else if (await page.locator(".hide").isVisible()) await page.locator(".hide").click();
  } else {
    await page.locator(".launcher").click();
    const panel = shot.frame ? page.frameLocator("iframe").locator(".panel") : page.locator(".panel");
    await panel.locator(".head").waitFor();
    if (shot.act === "menu" || shot.act === "list") await panel.locator("[aria-controls=menu]").click();
    if (shot.act === "list") await panel.locator("[role=menuitem]").first().click();
    if (shot.act === "long") await panel.locator("textarea").fill("word ".repeat(2001));
    if (shot.act === "fault") {
      await panel.locator("textarea").fill("Where is my lamp?");
      await panel.locator("input").nth(1).fill("ana@example");
      await panel.locator("input").nth(1).fill("not an address");
      await panel.locator(".send").click();
    }
    if (shot.act === "up") {
      await panel.locator(".log").evaluate((log) => void (log.scrollTop = 500));
      await page.evaluate(() => (window as unknown as { stub: { receive(text: string): void } }).stub.receive("One more"));
    }
  }
  await page.waitForTimeout(450);
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await context.close();
}
await browser.close();
origins.close();
