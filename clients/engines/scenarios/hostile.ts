/** Pages that make life hard for what is put into them. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { until, SOON_MS } from "../wait.ts";
import { type Arrived, NotThere, type Scenario, type Stage, arrive, fresh } from "./scenario.ts";

/** The panel's place from the right and the lower edge, its size, and the type of its title: the same on each page. */
const LOOK = { right: 20, bottom: 92, width: 392, height: 688, size: "16px", transform: "none", spacing: "-0.16px", greeting: "flex" };

async function looksRight({ widget }: Arrived): Promise<void> {
  let last: unknown;
  const isSame = async () => {
    last = await widget.ask((root) => {
      const { right, bottom, width, height } = root.querySelector(".panel")?.getBoundingClientRect() ?? new DOMRect();
      const title = getComputedStyle(root.querySelector("h2") ?? document.body);
      return {
        right: Math.round(document.documentElement.clientWidth - right),
        bottom: Math.round(innerHeight - bottom),
        width: Math.round(width),
        height: Math.round(height),
        size: title.fontSize,
        transform: title.textTransform,
        spacing: title.letterSpacing,
        greeting: getComputedStyle(root.querySelector(".greeting") ?? document.body).display,
      };
    });
    deepEqual(last, LOOK);
    return true;
  };
  await until("the panel has its place, its size and its type", SOON_MS, isSame);
}

async function talks({ widget }: Arrived, stage: Stage): Promise<void> {
  const text = fresh("Hello");
  await widget.write(text);
  await widget.shows(text);
  await widget.hasTick("Sent");
  const session = await stage.operator.sessionWith(text);
  await stage.operator.say(session, "Yes?");
  await widget.shows(text, "Yes?");
}

/** What a page's own policy forbids: its icon, and a WebSocket where `connect-src` names the server by `https:` alone. */
const FORBIDDEN = /Content.Security.Policy.*(favicon\.ico|\/channel\/ws)|\/channel\/ws.*Content.Security.Policy/;

function saysNothing({ widget }: Arrived): void {
  deepEqual((widget.tab.heard() ?? []).filter((text) => !FORBIDDEN.test(text)), [], "what is said in the console");
}

async function open(stage: Stage, page: string): Promise<Arrived> {
  const arrived = await arrive(stage, { page });
  await arrived.widget.open();
  return arrived;
}

const like = (page: string, name: string, isShort = false): Scenario => ({
  name: `hostile: ${name}`,
  isShort,
  async run(stage) {
    const arrived = await open(stage, page);
    await looksRight(arrived);
    await talks(arrived, stage);
    saysNothing(arrived);
  },
});

export const HOSTILE: Scenario[] = [
  like("unset", "*{all:unset!important}", true),
  like("tiny-rem", "html{font-size:62.5%}, spaced capitals"),
  like("transformed", "body transformed and filtered"),
  like("rtl", "a page from right to left"),
  like("overlay", "an overlay at the greatest z-index"),
  like("strict-dynamic", "CSP with strict-dynamic and no styles"),
  like("blocked-storage", "storage that throws"),
  {
    name: "hostile: trusted-types 'none'",
    async run(stage) {
      const arrived = await arrive(stage, { page: "trusted-types" });
      if ((await arrived.widget.tab.run("page", "typeof trustedTypes")) === "undefined") throw new NotThere("no trusted types");
      await arrived.widget.open();
      await looksRight(arrived);
      await talks(arrived, stage);
      saysNothing(arrived);
    },
  },
  {
    name: "hostile: the element is removed, once and always",
    async run(stage) {
      const arrived = await open(stage, "removes");
      const { widget } = arrived;
      await widget.click("textarea");
      await widget.tab.type("half a sent");
      await widget.tab.run("page", "remove()");
      await widget.see("the draft is there again", (root) => root.querySelector("textarea")?.value === "half a sent");
      await widget.tab.run("page", "new MutationObserver(remove).observe(document.documentElement, { childList: true }), remove()");
      await until("the page wins in the end", SOON_MS, async () => (await widget.tab.run("page", 'document.querySelector("switchboard-widget") === null')) === true);
      const removals = Number(await widget.tab.run("page", "removals"));
      ok(removals < 15, `removed ${removals} times`);
    },
  },
  {
    name: "hostile: the tag twice",
    async run(stage) {
      const arrived = await open(stage, "twice");
      equal(await arrived.widget.tab.run("page", 'document.querySelectorAll("switchboard-widget").length'), 1);
      await talks(arrived, stage);
      const heard = arrived.widget.tab.heard();
      if (heard) equal(heard.filter((text) => text.includes("twice")).length, 1, "one warning");
    },
  },
  {
    name: "hostile: the page's shortcuts and focus trap",
    async run(stage) {
      const { widget } = await open(stage, "shortcuts");
      await widget.click("textarea");
      await widget.tab.type("yes / no");
      await widget.see("all of it is in the field", (root) => root.querySelector("textarea")?.value === "yes / no");
      deepEqual(await widget.tab.run("page", "keys"), []);
    },
  },
  {
    name: "hostile: the body is swapped",
    async run(stage) {
      const arrived = await open(stage, "body-swap");
      const { widget } = arrived;
      await widget.click("textarea");
      await widget.tab.type("draft");
      await widget.tab.run("page", "swap()");
      await until("the next page is there", SOON_MS, async () => String(await widget.tab.run("page", "document.body.textContent")).includes("The next page"));
      await widget.see("the draft is there", (root) => root.querySelector("textarea")?.value === "draft");
      equal(await widget.tab.run("page", 'document.querySelectorAll("switchboard-widget").length'), 1);
    },
  },
];
