/** Two operators at once, and a visitor between them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { type Person, type Visitor, World } from "./support/world.ts";

let world: World;
let olivia: Person;
let ben: Person;
let ana: Visitor;
let one: Page;
let two: Page;
const said: string[] = [];

beforeAll(async () => {
  world = await World.begin();
  olivia = world.person("Olivia Park");
  ben = world.person("Ben Okafor");
  ana = await world.visitor(`Ana ${Date.now()}`);
  await ana.say("Hello?");
  const first = await world.signedIn(olivia);
  const second = await world.signedIn(ben);
  [one, two] = [first.page, second.page];
  said.push(...first.said, ...second.said);
});
afterAll(() => world.end());

const go = (page: Page, id: number) => page.goto(`${world.front.url}/console/#/open/${id}`);
const assignee = (page: Page) => page.locator(".chat-assignee").textContent();
const bodies = (page: Page) => page.locator(".msg-body").allTextContents();

test("both see what comes, at once", async () => {
  await Promise.all([go(one, ana.id), go(two, ana.id)]);
  await Promise.all([one, two].map((page) => page.locator(".msg-body").first().waitFor()));
  await ana.say("Is anybody there?");
  await Promise.all([one, two].map((page) => expect.poll(() => bodies(page)).toContain("Is anybody there?")));
});

test("each sees that the other looks at the same conversation", async () => {
  await expect.poll(() => one.locator(".chat-viewers").textContent(), { timeout: 25_000 }).toContain("Ben Okafor");
  await expect.poll(() => two.locator(".chat-viewers").textContent(), { timeout: 25_000 }).toContain("Olivia Park");
});

test("of two who take one only one gets it, and the other is told who has it", async () => {
  // Nothing of the first reaches the second page before it acts.
  await two.evaluate(() => {
    const { fetch } = window;
    window.fetch = async (...call) => {
      if (String(call[0]).endsWith("/assign")) await new Promise((resolve) => setTimeout(resolve, 600));
      return fetch(...call);
    };
  });
  await Promise.all([one.keyboard.press("i"), two.keyboard.press("i")]);
  await expect.poll(() => assignee(one)).toContain("You");
  await expect.poll(() => two.locator(".ui-toast.ui-danger").textContent()).toContain("Olivia Park has already taken");
  await expect.poll(() => assignee(two)).toContain("Olivia Park");
});

test("who writes is told to the other, and a reply that came meanwhile is asked about once", async () => {
  await two.keyboard.press("r");
  await two.keyboard.type("Hello Ana, I will");
  await expect.poll(() => one.locator(".chat-typing").textContent()).toContain("Ben Okafor is replying");
  await one.keyboard.press("r");
  await one.keyboard.type("Hello Ana!");
  await one.keyboard.press("Enter");
  await expect.poll(() => bodies(two)).toContain("Hello Ana!");
  await two.keyboard.press("Enter");
  await two.locator(".composer-asks").waitFor();
  expect((await ana.messages()).map(({ body }) => body)).not.toContain("Hello Ana, I will");
  await two.keyboard.press("Enter");
  await expect.poll(async () => (await ana.messages()).map(({ body }) => body)).toContain("Hello Ana, I will");
});

test("a note's typing is told to operators as a note", async () => {
  await one.keyboard.press("Escape");
  await one.keyboard.press("n");
  await one.keyboard.type("She is in a hurry");
  await expect.poll(() => two.locator(".chat-typing").textContent()).toContain("Olivia Park is writing a note");
  await one.keyboard.press("Enter");
  await expect.poll(() => bodies(two)).toContain("She is in a hurry");
});

test("a draft stays with its conversation and its mode, also over a reload", async () => {
  await one.keyboard.type("note draft");
  await one.keyboard.press("Escape");
  await one.keyboard.press("r");
  await one.keyboard.type("reply draft");
  await one.waitForTimeout(400);
  await one.reload();
  const field = one.locator(".composer-field");
  await field.waitFor();
  await expect.poll(() => field.inputValue()).toBe("reply draft");
  await one.locator(".mode", { hasText: "Note" }).click();
  await expect.poll(() => field.inputValue()).toBe("note draft");
  await field.fill("");
  await one.locator(".mode", { hasText: "Reply" }).click();
  await field.fill("");
});

test("where the visitor is, is told live", async () => {
  await ana.page("https://shop.example/cart", "Your cart");
  await expect.poll(() => one.locator(".about-page").textContent()).toContain("Your cart");
});

test("who goes away, and who comes back, is seen so by the others", async () => {
  await two.keyboard.press("Escape");
  await two.keyboard.press("Control+k");
  await two.keyboard.type("yourself away");
  await two.keyboard.press("Enter");
  const there = one.locator(".side-team li", { hasText: "Ben Okafor" });
  await expect.poll(() => there.locator(".ui-away").count(), { timeout: 15_000 }).toBeGreaterThan(0);
  await two.keyboard.press("Control+k");
  await two.keyboard.type("yourself online");
  await two.keyboard.press("Enter");
  await expect.poll(() => there.locator(".ui-online").count(), { timeout: 15_000 }).toBeGreaterThan(0);
});

test("what an operator reads in one browser is read in the other", async () => {
  const second = await world.signedIn(olivia);
  await second.page.goto(`${world.front.url}/console/#/open`);
  const row = second.page.locator(`.conv[data-id="${ana.id}"]`);
  await one.bringToFront();
  await go(one, ana.id);
  await ana.say("one more thing");
  await expect.poll(() => row.textContent()).toContain("one more thing");
  await expect.poll(() => row.getAttribute("class")).not.toContain("conv-unread");
  await second.context.close();
});

test("HTML, scripts and names of zero width are text", async () => {
  const rude = await world.visitor(`<img src=x onerror=alert(1)>`, { metadata: { "<b>k</b>": "<script>alert(2)</script>", link: "javascript:alert(3)" } });
  await rude.say(`<script>alert(4)</script> javascript:alert(5) https://ok.example/"onmouseover=alert(6)`);
  await go(one, rude.id);
  await one.locator(".msg-body").first().waitFor();
  expect(await one.locator(".chat-name").textContent()).toBe("<img src=x onerror=alert(1)>");
  expect(await one.locator(".chat img, .chat script, .about script, .about b b").count()).toBe(0);
  const links = await one.locator(".chat a, .about a").evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).protocol));
  expect(links.filter((protocol) => !["https:", "http:", "mailto:", "tel:"].includes(protocol))).toEqual([]);
});

test("a paste of a megabyte is refused with a word, one of 20,000 characters is told as too long, and nothing freezes", async () => {
  const field = one.locator(".composer-field");
  await field.focus();
  const paste = (length: number) =>
    one.evaluate((size) => {
      const from = performance.now();
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", "long ".repeat(size / 5));
      const area = document.querySelector<HTMLTextAreaElement>(".composer-field");
      const isTaken = area?.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true })) ?? false;
      if (isTaken) document.execCommand("insertText", false, clipboardData.getData("text/plain"));
      return performance.now() - from;
    }, length);
  const megabyte = await paste(1_000_000);
  await expect.poll(() => one.locator(".ui-toast.ui-danger").last().textContent()).toContain("too long to paste");
  expect(await field.inputValue()).toBe("");
  const some = await paste(20_000);
  await expect.poll(() => one.locator(".composer-over").textContent()).toContain("too many");
  expect(await one.locator(".composer .ui-primary").isDisabled()).toBe(true);
  console.info(`a paste of 1 MB: ${Math.round(megabyte)} ms, of 20,000 characters: ${Math.round(some)} ms`);
  expect(megabyte + some).toBeLessThan(1_000);
  await field.fill("");
});
