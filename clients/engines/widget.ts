/** The widget on a page, as a visitor sees and uses it. */
import type { Key, Tab, Where } from "./drivers/driver.ts";
import { SOON_MS, until } from "./wait.ts";

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/** The shadow root that holds the widget, in the page or in the iframe. */
const ROOT = `(document.querySelector("switchboard-widget") ?? document.querySelector("body > div"))?.shadowRoot`;

/** The middle of an element, where a click would reach it and nothing moves; else null. */
function middle(root: ShadowRoot | undefined, selector: string): [number, number] | null {
  const element = root?.querySelector(selector);
  if (!element || !root) return null;
  const { left, top, width, height } = element.getBoundingClientRect();
  const [x, y] = [left + width / 2, top + height / 2];
  const isMoving = document.getAnimations().some((animation) => animation.playState === "running" && (animation.effect as KeyframeEffect).target?.contains(element));
  const hit = root.elementFromPoint(x, y);
  return width > 0 && !isMoving && hit && (element === hit || element.contains(hit)) ? [x, y] : null;
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

  /** The iframe's corner, while nothing moves it; the page's own for a panel in the page. */
  async #corner(where: Where): Promise<[number, number] | null> {
    if (where === "page") return [0, 0];
    return (await this.askLauncher((root) => {
      const { left, top } = root.querySelector("iframe")?.getBoundingClientRect() ?? new DOMRect();
      return document.getAnimations().some(({ playState }) => playState === "running") ? null : [left, top];
    })) as [number, number] | null;
  }

  async #click(where: Where, selector: string): Promise<void> {
    let before = "";
    let at: [number, number] = [0, 0];
    await until(`${selector} can be clicked`, SOON_MS, async () => {
      const corner = await this.#corner(where);
      const found = await this.#ask(where, middle as (root: ShadowRoot, selector: string) => [number, number] | null, selector);
      if (corner && found) at = [corner[0] + found[0], corner[1] + found[1]];
      const now = corner && found ? at.join() : "";
      const isStill = now !== "" && now === before;
      before = now;
      return isStill;
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
    await this.see("the panel is open", (root) => root.querySelector<HTMLElement>(".panel textarea")?.checkVisibility() === true);
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
