/**
 * Pictures of every view, to be looked at: `node dev/pictures.ts FOLDER [shape…]`, with SWITCHBOARD_URL and SWITCHBOARD_BIN, or
 * STANDALONE, and DATABASE_URL. The shapes are light, dark, arabic and phone.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContextOptions, Page } from "playwright-core";
import { World } from "../tests/browser/support/world.ts";

const [folder = "/tmp/pictures", ...wanted] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const TALK: [name: string, body: string][] = [
  ["Jonas Weber", "My order #4412 has not arrived yet"],
  ["Léa Martin", "Bonjour, je voudrais changer l’adresse de livraison"],
  ["محمد علي", "مرحبا، هل يمكنني إرجاع المصباح؟"],
  ["Дмитрий Соколов", "Здравствуйте, сколько стоит доставка?"],
  ["Priya Raman", "Do you ship to India?"],
  ["Sam O’Neill", "The checkout button does nothing on my phone. I tried it three times, in two browsers."],
];

const world = await World.begin();
const olivia = world.person("Olivia Park", "admin");
const token = await world.token(olivia);
for (const [name, body] of TALK) await (await world.visitor(name)).say(body);
const ana = await world.visitor("Ana Silva", { email: "ana@example.com", metadata: { plan: "pro", cart_total: 129.5, customer: "https://shop.example/admin/9" } });
await ana.say("Hello! Is the brass lamp still in stock? I saw it at https://shop.example/lamps/brass yesterday.");
const { id } = await world.rest<{ id: number }>("GET", "/users/me", token);
const say = (body: string, more = {}) => world.rest("POST", `/chat/session/${ana.id}/messages`, token, { body, client_id: crypto.randomUUID(), ...more });
await world.rest("POST", `/chat/session/${ana.id}/assign`, token, { user_id: id });
await say("Good day Ana! Yes, three are left.");
await say("She asked twice already; offer free delivery.", { visibility: "staff" });
await ana.say("Great, I take one.");

const SHAPES: Record<string, BrowserContextOptions> = {
  light: {},
  dark: { colorScheme: "dark" },
  arabic: { locale: "ar" },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};
const VIEWS: [name: string, hash: string, wait: string, act?: (page: Page) => Promise<unknown>][] = [
  ["lists", "#/open", ".conv"],
  ["conversation", `#/open/${ana.id}`, ".msg-body", async () => ana.page("https://shop.example/cart", "Your cart")],
  ["note", `#/open/${ana.id}`, ".msg-body", async (page) => {
    await page.locator(".mode").nth(1).click();
    await page.keyboard.type("Call her back on Monday");
  }],
  ["palette", "#/open", ".conv", (page) => page.keyboard.press("Control+k")],
  ["keys", "#/open", ".conv", (page) => page.keyboard.press("?")],
  ["assign", `#/open/${ana.id}`, ".msg-body", (page) => page.locator(".chat-assignee").click()],
  ["settings", "#/settings/general", ".choice"],
  ["profile", "#/settings/profile", "form"],
  ["logins", "#/settings/logins", ".login"],
  ["people", "#/people", ".people"],
  ["invite", "#/people", ".people", (page) => page.locator(".page-head .ui-primary").click()],
  ["sites", "#/sites", ".sites a"],
  ["site", "#/sites/1", ".preview-host"],
];

for (const [shape, options] of Object.entries(SHAPES)) {
  if (wanted.length > 0 && !wanted.includes(shape)) continue;
  const { page, context } = await world.open(options);
  await page.locator("input[type=email]").waitFor();
  await page.screenshot({ path: join(folder, `${shape}-sign-in.png`) });
  await context.close();
  const { page: signed, context: own } = await world.signedIn(olivia, options);
  for (const [name, hash, wait, act] of VIEWS) {
    await signed.goto(`${world.front.url}/console/?${name}${hash}`);
    await signed.locator(wait).first().waitFor();
    await act?.(signed);
    // What comes with a motion, or a moment later.
    await signed.waitForTimeout(800);
    await signed.screenshot({ path: join(folder, `${shape}-${name}.png`) });
  }
  await own.close();
}
await world.end();
