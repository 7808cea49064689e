/** The widget on a page, as a visitor sees and uses it. */
import type { Key, Tab, Where } from "./drivers/driver.ts";
import { SOON_MS, until } from "./wait.ts";

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/** The shadow root that holds the widget, in the page or in the iframe. */
const ROOT = `(document.querySelector("switchboard-widget") ?? document.querySelector("body > div"))?.shadowRoot`;

type Place = { x: number; y: number; width: number; height: number };

/** The middle and the size of an element, if a click reaches it and nothing moves: it is looked at again after the browser has drawn. */
async function place(root: ShadowRoot | undefined, selector: string): Promise<Place | null> {
  const look = () => {
    const element = root?.querySelector(selector);
    const { left, top, width, height } = element?.getBoundingClientRect() ?? new DOMRect();
    const [x, y] = [left + width / 2, top + height / 2];
    const hit = width > 0 ? root?.elementFromPoint(x, y) : null;
    return hit && element?.contains(hit) ? { x, y, width, height } : null;
  };
  const drawn = () =>
    new Promise<boolean>((resolve) => {
      // A tab that is not in front draws nothing.
      setTimeout(() => resolve(false), 1_000);
      requestAnimationFrame(() => requestAnimationFrame(() => resolve(true)));
    });
  const before = look();
  return before && (await drawn()) && JSON.stringify(look()) === JSON.stringify(before) ? before : null;
}

export class Widget {
  readonly tab: Tab;
  /** Where the panel is; the launcher is always in the page. */
  readonly #panel: Where;

  constructor(tab: Tab, panel: Where = "page") {
    this.tab = tab;
    this.#panel = panel;
  }

  /** Runs a function on the widget's root, in the panel's document. */
  ask<T extends Json, Given extends Json[]>(run: (root: ShadowRoot, ...given: Given) => T, ...given: Given): Promise<T> {
    return this.#ask(this.#panel, run, ...given);
  }

  /** The same beside the launcher. */
  askLauncher<T extends Json, Given extends Json[]>(run: (root: ShadowRoot, ...given: Given) => T, ...given: Given): Promise<T> {
    return this.#ask("page", run, ...given);
  }

  #ask<T extends Json, Given extends Json[]>(where: Where, run: (root: ShadowRoot, ...given: Given) => T, ...given: Given): Promise<T> {
    const rest = given.map((value) => `,${JSON.stringify(value)}`).join("");
    return this.tab.run(where, `(${run})(${ROOT}${rest})`) as Promise<T>;
  }

  /** Waits until the function says yes of the panel. */
  async see<Given extends Json[]>(what: string, run: (root: ShadowRoot, ...given: Given) => boolean, ...given: Given): Promise<void> {
    await until(what, SOON_MS, () => this.ask(run, ...given));
  }

  async #click(where: Where, selector: string): Promise<void> {
    const find = (where: Where, selector: string) => this.#ask(where, place as unknown as (root: ShadowRoot, selector: string) => Place | null, selector);
    let at: [number, number] = [0, 0];
    await until(`${selector} can be clicked`, SOON_MS, async () => {
      const iframe = where === "frame" ? await find("page", "iframe") : null;
      const found = iframe || where === "page" ? await find(where, selector) : null;
      if (found) at = [found.x + (iframe ? iframe.x - iframe.width / 2 : 0), found.y + (iframe ? iframe.y - iframe.height / 2 : 0)];
      return found !== null;
    });
    await this.tab.click(...at);
  }

  click = (selector: string): Promise<void> => this.#click(this.#panel, selector);
  clickLauncher = (): Promise<void> => this.#click("page", ".launcher");

  async launcherIsShown(): Promise<void> {
    await until("the launcher is shown", SOON_MS, () => this.askLauncher((root) => root.querySelector<HTMLElement>(".launcher")?.checkVisibility() === true && root.querySelector(".sb.shown") !== null));
  }

  /** By the launcher, with the mouse. */
  async open(): Promise<void> {
    await this.launcherIsShown();
    await this.clickLauncher();
    await this.isOpen();
  }

  async isOpen(): Promise<void> {
    await until("the box is open", SOON_MS, () => this.askLauncher((root) => root.querySelector(".sb.open") !== null));
    await this.see("the panel is there", (root) => root.querySelector<HTMLElement>(".panel textarea")?.checkVisibility() === true);
  }

  async frameHasFocus(): Promise<void> {
    await until("the frame has the focus", SOON_MS, () => this.askLauncher((root) => root.activeElement?.localName === "iframe"));
  }

  async fieldHasFocus(): Promise<void> {
    await until("the field has the focus", SOON_MS, () => this.ask((root) => root.activeElement?.localName === "textarea"));
  }

  async isClosed(): Promise<void> {
    await until("the panel is closed", SOON_MS, () => this.askLauncher((root) => root.querySelector(".sb.open") === null));
  }

  async write(text: string): Promise<void> {
    await this.click("textarea");
    await this.tab.type(text);
    await this.see(`the field has "${text}"`, (root, text) => root.querySelector("textarea")?.value === text, text);
    await this.press("Enter");
  }

  press = (key: Key): Promise<void> => this.tab.press(key);

  /** The bodies that are shown, in their order. */
  shown(): Promise<string[]> {
    return this.ask((root) => [...root.querySelectorAll(".message .body")].map(({ textContent }) => textContent ?? ""));
  }

  async shows(...bodies: string[]): Promise<void> {
    const wanted = JSON.stringify(bodies);
    let last = "";
    await until(`the panel shows ${wanted}`, SOON_MS, async () => (last = JSON.stringify(await this.shown())) === wanted, async () => `it shows ${last}`);
  }

  /** The tick of the newest message of the visitor's own. */
  async hasTick(name: "Waiting to be sent" | "Sent" | "Delivered" | "Read"): Promise<void> {
    await this.see(`the tick is "${name}"`, (root, name) => [...root.querySelectorAll(".mine .tick")].at(-1)?.getAttribute("aria-label") === name, name);
  }

  async hasBadge(count: number): Promise<void> {
    const text = count === 0 ? "" : String(count);
    await until(`the badge is "${text}"`, SOON_MS, () =>
      this.askLauncher((root, text) => (root.querySelector(".sb.unread") === null ? "" : (root.querySelector(".badge")?.textContent ?? "")) === text, text),
    );
  }
}
