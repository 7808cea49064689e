/**
 * A few views of the widget, compared with the pictures beside this file. UPDATE_PICTURES=1 writes them anew.
 *
 * What differs between machines is pinned: the one font (fonts.conf), hinting, colours, the time of day in the messages.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pixelmatch from "pixelmatch";
import { type Page, chromium } from "playwright-core";
import { PNG } from "pngjs";
import { CHROMIUM_ARGS, chromiumProgram } from "../drivers/chromium.ts";
import { type Stage, fresh } from "../scenarios/scenario.ts";

const FOLDER = import.meta.dirname;
const FONTS = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";
const FAILURES = join(process.env["AREA"] ?? ".run/browsers", "failures");
/** Pixels that may differ: a letter has more, and the edges of letters are not counted. */
const TOLERANCE = 40;

interface View {
  language?: string;
  isDark?: boolean;
  isPhone?: boolean;
  isClosed?: boolean;
  /** What the visitor and the operator say, in turn. */
  talk?: string[];
}

const TALK = ["Hello! Where is my lamp?", "It left our warehouse on Friday: https://lamps.example/parcels/17", "Thank you!"];
const ARABIC = ["مرحبا! أين مصباحي؟", "غادر المستودع يوم الجمعة.", "شكرا!"];
const VIEWS: Record<string, View> = {
  launcher: { isClosed: true, talk: TALK.slice(0, 2) },
  empty: {},
  talk: { talk: TALK },
  dark: { talk: TALK, isDark: true },
  arabic: { talk: ARABIC, language: "ar" },
  phone: { talk: TALK, isPhone: true },
};

async function say(page: Page, { operator }: Stage, bodies: string[]): Promise<void> {
  let session = 0;
  for (const [turn, body] of bodies.entries()) {
    if (turn % 2 === 0) {
      await page.locator("textarea").fill(body);
      await page.locator("textarea").press("Enter");
      // Before it is stored the operator's answer could come first.
      await page.locator(".mine").nth(turn / 2).locator(".meta.sent").waitFor();
      session ||= await operator.sessionOf(page.url());
    } else await operator.say(session, body);
    await page.locator(".message .body").nth(turn).waitFor();
  }
}

/** Of each message the same minute, and nothing that blinks. */
const settle = (page: Page): Promise<void> =>
  page.locator("switchboard-widget").evaluate((element) => {
    for (const time of element.shadowRoot?.querySelectorAll(".meta time") ?? []) time.textContent = "10:42";
    (element.shadowRoot?.activeElement as HTMLElement | null)?.blur();
  });

async function take(stage: Stage, { language = "en", isDark = false, isPhone = false, isClosed = false, talk }: View, browser: Awaited<ReturnType<typeof chromium.launch>>): Promise<Buffer> {
  const context = await browser.newContext({
    viewport: isPhone ? { width: 360, height: 600 } : { width: 500, height: 640 },
    locale: "en-GB",
    timezoneId: "UTC",
    colorScheme: isDark ? "dark" : "light",
    reducedMotion: "reduce",
    isMobile: isPhone,
    hasTouch: isPhone,
  });
  try {
    const page = await context.newPage();
    // The mark makes the address the visitor's own: the session is found by it.
    await page.goto(stage.pages.address("removes", stage.server.url, stage.site, { language, mark: fresh("picture").replace(" ", "-") }));
    await page.locator(".launcher").click();
    await page.locator("textarea").waitFor();
    await page.locator(".presence").waitFor();
    if (isClosed && talk) {
      await say(page, stage, talk.slice(0, 1));
      await page.locator("[aria-label='Close chat']").first().click();
      await stage.operator.say(await stage.operator.sessionOf(page.url()), talk[1] ?? "");
      await page.locator(".sb.unread .launcher").waitFor();
      // What came is shown beside it, and throws a shadow.
      await page.locator(".preview .hide").click();
    } else if (talk) await say(page, stage, talk);
    await page.mouse.move(5, 5);
    await settle(page);
    const box = await page.locator(isClosed ? ".launcher" : ".panel").boundingBox();
    if (!box) throw new Error("the widget is not shown");
    // With the badge on the launcher's corner.
    const edge = isClosed ? 8 : 0;
    const clip = { x: box.x - edge, y: box.y - edge, width: box.width + 2 * edge, height: box.height + 2 * edge };
    return small(await page.screenshot({ clip, animations: "disabled", caret: "hide" }));
  } finally {
    await context.close();
  }
}

/** The same picture in fewer bytes. */
const small = (picture: Buffer): Buffer => PNG.sync.write(PNG.sync.read(picture), { colorType: 2, deflateLevel: 9, filterType: -1 });

/** How many pixels are others; the three pictures are kept where there are too many. */
function differences(name: string, taken: Buffer): number {
  const [was, is] = [PNG.sync.read(readFileSync(join(FOLDER, `${name}.png`))), PNG.sync.read(taken)];
  if (was.width !== is.width || was.height !== is.height) return Number.POSITIVE_INFINITY;
  const marked = new PNG({ width: was.width, height: was.height });
  const count = pixelmatch(was.data, is.data, marked.data, was.width, was.height, { threshold: 0.1 });
  if (count > TOLERANCE) {
    mkdirSync(FAILURES, { recursive: true });
    writeFileSync(join(FAILURES, `picture-${name}-now.png`), taken);
    writeFileSync(join(FAILURES, `picture-${name}-difference.png`), PNG.sync.write(marked));
  }
  return count;
}

export async function compare(stage: Stage): Promise<void> {
  if (!existsSync(FONTS)) throw new Error("fonts-dejavu-core is not installed");
  const browser = await chromium.launch({ executablePath: chromiumProgram() ?? "", args: CHROMIUM_ARGS, env: { ...process.env, FONTCONFIG_FILE: join(FOLDER, "fonts.conf") } as Record<string, string> });
  stage.later(() => browser.close());
  const others: string[] = [];
  for (const [name, view] of Object.entries(VIEWS)) {
    const taken = await take(stage, view, browser);
    if (process.env["UPDATE_PICTURES"]) writeFileSync(join(FOLDER, `${name}.png`), taken);
    const count = differences(name, taken);
    if (count > TOLERANCE) others.push(`${name} (${count} pixels)`);
  }
  if (others.length > 0) throw new Error(`other pictures than those in clients/engines/pictures: ${others.join(", ")}. UPDATE_PICTURES=1 writes them anew`);
}
