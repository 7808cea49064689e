import { type Browser, type Size, type Tab, type Where, WINDOW } from "../drivers/driver.ts";
import type { Operator } from "../server/operator.ts";
import type { Pages } from "../server/pages.ts";
import type { Server } from "../server/server.ts";
import { Widget } from "../widget.ts";

/** One row of the table. */
export interface Scenario {
  name: string;
  /** Runs on the distributed shape too. */
  isForEachShape?: boolean;
  /** In `make test`: the few that a change breaks first. */
  isShort?: boolean;
  run(stage: Stage): Promise<void>;
}

/** What a scenario plays on. */
export interface Stage {
  engine: string;
  browser: Browser;
  server: Server;
  pages: Pages;
  operator: Operator;
  site: string;
  /** What a scenario has to clean up; the runner does. */
  later(work: () => Promise<void>): void;
  /** The tabs that it has opened, for a picture when it fails. */
  tabs: Tab[];
}

/** The engine has no such thing, so there is nothing to see. */
export class NotThere extends Error {}

export interface Arrival {
  page?: string;
  options?: Record<string, string>;
  size?: Size;
  /** The server under another name. */
  url?: string;
  panel?: Where;
}

export interface Arrived {
  widget: Widget;
  address: string;
  /** Another tab of the same browser, at the same page. */
  again(): Promise<Widget>;
}

/** A new visitor on a page of the stranger's. */
export async function arrive(stage: Stage, { page = "shop", options = {}, size = WINDOW, url = stage.server.url, panel = "page" }: Arrival = {}): Promise<Arrived> {
  const visitor = await stage.browser.visitor(size);
  stage.later(() => visitor.close());
  const address = stage.pages.address(page, url, stage.site, options);
  const again = async () => {
    const tab = await visitor.tab();
    stage.tabs.push(tab);
    await tab.open(address);
    return new Widget(tab, panel);
  };
  return { widget: await again(), address, again };
}

/** A text that no other message has, in no run. */
export const fresh = (text: string): string => `${text} ${crypto.randomUUID().slice(0, 8)}`;
