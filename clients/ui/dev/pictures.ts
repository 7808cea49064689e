/** Pictures of the gallery, to be looked at: `node build.ts gallery && node dev/pictures.ts <folder> [name…]`. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Page, chromium } from "playwright-core";
import { serveGallery } from "./server.ts";

const [folder = "/tmp/ui-pictures", ...only] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

interface Shot { theme: "light" | "dark"; language?: "ar"; phone?: boolean; act?: (page: Page) => Promise<unknown> }
const menu = (page: Page) => page.locator("[aria-haspopup=menu]").first().press("ArrowDown");
const dialog = (page: Page) => page.locator("[data-opens=dialog]").click();
const combobox = (page: Page) => page.getByRole("combobox").first().fill("a");
const toasts = async (page: Page) => {
  for (let count = 0; count < 2; count++) await page.locator("[data-opens=toast]").click();
  await page.locator("[data-tip]").last().hover();
  await page.waitForTimeout(400);
};
const shots: Record<string, Shot> = {
  light: { theme: "light" },
  dark: { theme: "dark" },
  arabic: { theme: "light", language: "ar" },
  "arabic-dark": { theme: "dark", language: "ar" },
  phone: { theme: "light", phone: true },
  "phone-dark": { theme: "dark", phone: true },
  "phone-arabic": { theme: "light", phone: true, language: "ar" },
  menu: { theme: "light", act: menu },
  "menu-dark": { theme: "dark", act: menu },
  dialog: { theme: "light", act: dialog },
  combobox: { theme: "light", act: combobox },
  "combobox-arabic-dark": { theme: "dark", language: "ar", act: combobox },
  toasts: { theme: "light", act: toasts },
  "toasts-arabic-dark": { theme: "dark", language: "ar", act: toasts },
  "dialog-dark-phone": { theme: "dark", phone: true, act: dialog },
};

const gallery = await serveGallery();
const browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const [name, { theme, language = "en", phone = false, act }] of Object.entries(shots)) {
  if (only.length > 0 && !only.includes(name)) continue;
  const context = await browser.newContext({ viewport: phone ? { width: 390, height: 844 } : { width: 1180, height: 860 }, isMobile: phone, hasTouch: phone });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(name, error.message));
  page.on("console", (message) => message.type() === "error" && console.error(name, message.text()));
  await page.goto(`${gallery.address}?theme=${theme}&language=${language}`);
  await page.locator(".ui-row").first().waitFor();
  await act?.(page);
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: !act });
  await context.close();
}
await browser.close();
gallery.close();
