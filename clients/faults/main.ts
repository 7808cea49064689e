/**
 * The browsers of `make faults`: real tabs with the widget, used while parts of the server are killed. In the end they tell
 * what they show, and the harness compares it with PostgreSQL.
 *
 *   words     what this and the harness say to each other
 *   site      the page that has the widget
 *   visitor   a visitor with some tabs · tab   one of them
 *
 * node main.ts SERVER SITE TABS: orders come on standard input, answers go to standard output, what pages say to the errors.
 */
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { serveSite } from "./site.ts";
import { Visitor } from "./visitor.ts";
import type { Order, Told } from "./words.ts";

const TABS_OF_A_VISITOR = 2;

const tell = (told: Told): void => void process.stdout.write(`${JSON.stringify(told)}\n`);
const say = (text: string): void => void process.stderr.write(`${new Date().toISOString()} ${text}\n`);

async function main(): Promise<void> {
  const [server = "", site = "", count = "0"] = process.argv.slice(2);
  const address = await serveSite(server, site);
  const browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  const visitors: Visitor[] = [];
  for (let left = Number(count); left > 0; left -= TABS_OF_A_VISITOR) {
    visitors.push(await Visitor.create(browser, address, `browser-${visitors.length + 1}`, Math.min(left, TABS_OF_A_VISITOR), say));
  }
  const begun = Promise.all(visitors.map(async (visitor) => ({ name: visitor.name, session: await visitor.begin() })));
  begun.then((all) => tell({ type: "up", visitors: all }), fail);
  const living = begun.then(() => Promise.all(visitors.map((visitor) => visitor.live())));
  living.catch(fail);
  const obey = async (order: Order): Promise<void> => {
    if (order === "settle") {
      for (const visitor of visitors) visitor.settle();
      return;
    }
    await living;
    const reports = [];
    for (const visitor of visitors) reports.push(await visitor.report());
    tell({ type: "report", visitors: reports });
  };
  for await (const order of createInterface({ input: process.stdin })) await obey(order as Order).catch(fail);
  // The harness is gone, or has heard enough.
  await browser.close();
  process.exit(0);
}

function fail(error: unknown): void {
  tell({ type: "failed", why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}

main().catch((error: unknown) => {
  fail(error);
  process.exit(1);
});
