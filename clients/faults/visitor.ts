/** A visitor with some tabs of one browser: writes, loads pages anew, closes a tab and opens another. */
import type { Browser } from "playwright-core";
import { Tab, sleep } from "./tab.ts";
import type { VisitorReport, Written } from "./words.ts";

/** Between two messages of a tab, at least and at most. */
const WRITE_MS = [1_500, 4_500] as const;
/** Of how many messages one is followed by a reload at once, and one by the end of its tab. */
const RELOAD_EVERY = 5;
const REOPEN_EVERY = 8;
const CLOSED_MS = [500, 4_000] as const;
/** What all message bodies of a run begin with: the proxies of the harness count them. */
const MARK = "~fm:";

export class Visitor {
  readonly name: string;
  readonly #tabs: Tab[];
  readonly #written: Written[] = [];
  #isOver = false;
  #count = 0;
  #isAway = false;

  constructor(name: string, tabs: Tab[]) {
    this.name = name;
    this.#tabs = tabs;
  }

  /** A browser of its own in all that is kept. */
  static async create(browser: Browser, address: string, name: string, tabs: number, say: (text: string) => void): Promise<Visitor> {
    const context = await browser.newContext({ viewport: { width: 900, height: 700 }, locale: "en-GB" });
    const numbers = Array.from({ length: tabs }, (_, index) => index + 1);
    return new Visitor(name, numbers.map((number) => new Tab(context, address, number, (text) => say(`${name}/${number}: ${text}`))));
  }

  /** All tabs are open, and a message of the first has opened the session. */
  async begin(): Promise<number> {
    await Promise.all(this.#tabs.map((tab) => tab.open()));
    const [first] = this.#tabs;
    if (!first) throw new Error("a visitor without a tab");
    await this.#write(first);
    for (;;) {
      const { sessions, queued } = await first.kept();
      if (sessions[0] !== undefined && queued === 0) return sessions[0];
      await sleep(100);
    }
  }

  /** Until it is settled. */
  async live(): Promise<void> {
    await Promise.all(this.#tabs.map((tab) => this.#use(tab)));
  }

  settle(): void {
    this.#isOver = true;
  }

  async report(): Promise<VisitorReport> {
    const tabs = [];
    // One after the other: each has the machine for itself.
    for (const tab of this.#tabs) tabs.push(await tab.report());
    const sum = (of: (tab: Tab) => number) => this.#tabs.reduce((all, tab) => all + of(tab), 0);
    const { sessions } = await (this.#tabs[0] as Tab).kept();
    return { name: this.name, sessions, written: this.#written, retried: sum((tab) => tab.retried), reloads: sum((tab) => tab.reloads), tabs };
  }

  async #use(tab: Tab): Promise<void> {
    for (let round = tab.number; !this.#isOver; round++) {
      await sleep(between(WRITE_MS));
      if (this.#isOver) return;
      // One tab stays, so that the visitor is never without.
      const isFree = !this.#isAway && this.#tabs.length > 1;
      if (round % REOPEN_EVERY === 0 && isFree) await this.#away(() => this.#write(tab, (text) => tab.reopen(text, between(CLOSED_MS))));
      else if (round % RELOAD_EVERY === 0) await this.#write(tab, (text) => tab.reload(text));
      else await this.#write(tab);
    }
  }

  async #away(act: () => Promise<void>): Promise<void> {
    this.#isAway = true;
    await act().finally(() => (this.#isAway = false));
  }

  async #write(tab: Tab, by: (text: string) => Promise<boolean> = (text) => tab.write(text)): Promise<void> {
    const text = `${MARK}${this.name}/${tab.number} writes no. ${++this.#count}`;
    if (await by(text)) this.#written.push({ tab: tab.number, text });
  }
}

const between = ([least, most]: readonly [number, number]): number => least + Math.random() * (most - least);
