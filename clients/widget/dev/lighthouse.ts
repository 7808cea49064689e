/**
 * What the widget costs a page, by Lighthouse: the same page with and without the tag, in turn.
 *
 *   SWITCHBOARD_URL=http://127.0.0.1:8080 npm run lighthouse -w widget [runs]
 *
 * Lighthouse is fetched into `dist/lighthouse`: it is larger than all else that the clients are built with. With SITE it is
 * another site's key. The site has to allow `http://localhost:<PAGE_PORT>`: `standalone site allow --key default --origin …`.
 * EMBEDDED=1 takes the clients out of the program, not from ../dist.
 */
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { serve } from "./server.ts";

interface Report {
  lhr: { categories: Record<string, { score: number }>; audits: Record<string, { numericValue?: number; score: number | null }> };
}
type Lighthouse = (url: string, flags: { port: number; onlyCategories: string[]; logLevel: "error"; throttlingMethod: string }) => Promise<Report | undefined>;

const widget = join(import.meta.dirname, "..");
const { default: lighthouse } = (await import(join(widget, "dist/lighthouse/node_modules/lighthouse/core/index.js"))) as { default: Lighthouse };
const runs = Number(process.argv[2] ?? 5);
const site = process.env["SITE"] ?? "default";
/** `simulate` counts in what the machine was busy with, and the loader as if the page waited for it; `devtools` slows the browser down. */
const throttlingMethod = process.env["THROTTLING"] ?? "simulate";
const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"];
const TIMES = ["total-blocking-time", "first-contentful-paint", "largest-contentful-paint", "cumulative-layout-shift"];

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
const middle = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const port = await freePort();
const origins = await serve({ build: process.env["EMBEDDED"] ? null : join(widget, "../dist"), pages: join(widget, "test-pages"), api: process.env["SWITCHBOARD_URL"] ?? "http://127.0.0.1:8080", pagePort: Number(process.env["PAGE_PORT"] ?? 0) });
const browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox", `--remote-debugging-port=${port}`] });
const found: Record<string, Record<string, number[]>> = {};
try {
  for (let run = 0; run < runs; run++)
    for (const [name, query] of [["without", "bare=1"], ["with", `site=${site}`]] as const) {
      const report = await lighthouse(`${origins.page}/shop.html?${query}`, { port, onlyCategories: CATEGORIES, logLevel: "error", throttlingMethod });
      if (!report) throw new Error("Lighthouse gave no report");
      const { categories, audits } = report.lhr;
      const of = (found[name] ??= {});
      for (const category of CATEGORIES) (of[category] ??= []).push((categories[category]?.score ?? Number.NaN) * 100);
      for (const time of TIMES) (of[time] ??= []).push(audits[time]?.numericValue ?? Number.NaN);
    }
} finally {
  await browser.close();
  origins.close();
}
console.info(`middle of ${runs} runs, a phone with slow 4G (${throttlingMethod})`);
console.table(
  Object.fromEntries(
    [...CATEGORIES, ...TIMES].map((name) => {
      const [without, withIt] = ["without", "with"].map((page) => middle(found[page]?.[name] ?? []));
      return [name, { without: round(without), with: round(withIt), difference: round((withIt ?? 0) - (without ?? 0)) }];
    }),
  ),
);

function round(value = Number.NaN): number {
  return Math.round(value * 1_000) / 1_000;
}
