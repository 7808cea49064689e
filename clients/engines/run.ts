/**
 * The widget in real browsers before a real server: each scenario in each engine.
 *
 *   node run.ts [--engines chromium,firefox,webkit] [--only WORDS] [--short] [--cluster]
 *
 * STANDALONE and DATABASE_URL name the program and its database; CLUSTER the running distributed shape (server/cluster.ts).
 * Logs and pictures of what failed go to the folder in AREA.
 */
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Browser, Engine, Tab } from "./drivers/driver.ts";
import { ALL } from "./scenarios/all.ts";
import { NotThere, type Scenario, type Stage } from "./scenarios/scenario.ts";
import { Operator } from "./server/operator.ts";
import { type Pages, servePages } from "./server/pages.ts";
import type { Server } from "./server/server.ts";
import { standalone } from "./server/standalone.ts";
import { type Result, table } from "./table.ts";
import { SOON_MS, until } from "./wait.ts";

const SCENARIO_MS = 120_000;
const AREA = process.env["AREA"] ?? ".run/browsers";
const FAILURES = join(AREA, "failures");

const { values: options } = parseArgs({
  options: {
    engines: { type: "string", default: "chromium,firefox,webkit" },
    only: { type: "string", default: "" },
    short: { type: "boolean", default: false },
    cluster: { type: "boolean", default: false },
  },
});

/** Loaded when they are asked for: the short set needs no package but playwright-core. */
const ENGINES: Record<string, () => Promise<Engine>> = {
  chromium: async () => (await import("./drivers/chromium.ts")).CHROMIUM,
  firefox: async () => (await import("./drivers/firefox.ts")).FIREFOX,
  webkit: async () => (await import("./drivers/webkit.ts")).WEBKIT,
};

/** A site that the pages may carry. Each part of the server learns its origins in its own time. */
async function makeSite(server: Server, pages: Pages): Promise<string> {
  const site = `shop-${Date.now().toString(36)}`;
  server.admin("site", "add", "--key", site, "--name", "Lamp Shop");
  server.admin("site", "allow", "--key", site, "--origin", pages.origin);
  const headers = { origin: pages.origin, "content-type": "application/json" };
  await until("the site's origins are known", SOON_MS, async () => {
    const opened = await fetch(`${server.url}/chat/session`, { method: "POST", headers, body: JSON.stringify({ site }) });
    if (!opened.ok) throw new Error(await opened.text());
    const { session_id, token } = (await opened.json()) as { session_id: number; token: string };
    const ended = new AbortController();
    const stream = await fetch(`${server.url}/channel/sse?session=${session_id}&token=${token}`, { headers, signal: ended.signal });
    ended.abort();
    return stream.ok;
  });
  return site;
}

async function played(scenario: Scenario, stage: Omit<Stage, "later" | "tabs">): Promise<Result> {
  const began = Date.now();
  const cleaning: (() => Promise<void>)[] = [];
  const tabs: Tab[] = [];
  const name = `${stage.engine}: ${scenario.name}`.replace(/[^\w]+/g, "-");
  const result = (state: Result["state"], why = ""): Result => ({ state, why, seconds: (Date.now() - began) / 1_000 });
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${SCENARIO_MS / 1_000} s`)), SCENARIO_MS);
  });
  try {
    await Promise.race([scenario.run({ ...stage, later: (work) => cleaning.push(work), tabs }), limit]);
    return result("ok");
  } catch (error) {
    if (error instanceof NotThere) return result("not there", error.message);
    const why = error instanceof Error ? error.message : String(error);
    mkdirSync(FAILURES, { recursive: true });
    writeFileSync(join(FAILURES, `${name}.txt`), `${error instanceof Error ? error.stack : why}\n\n`);
    for (const [index, tab] of tabs.entries()) {
      const heard = tab.heard();
      if (heard) appendFileSync(join(FAILURES, `${name}.txt`), `tab ${index + 1} said:\n${heard.join("\n")}\n`);
      await tab.picture().then((picture) => writeFileSync(join(FAILURES, `${name}-${index + 1}.png`), picture), () => undefined);
    }
    return result("failed", why);
  } finally {
    clearTimeout(timer);
    for (const work of cleaning.toReversed()) await work().catch(() => undefined);
  }
}

const started = Date.now();
mkdirSync(AREA, { recursive: true });
rmSync(FAILURES, { recursive: true, force: true });
const server = options.cluster ? await (await import("./server/cluster.ts")).cluster() : await standalone(join(AREA, "standalone.log"));
const pages = await servePages();
const site = await makeSite(server, pages);
const operator = await Operator.signIn(server, "Olivia Park");
const scenarios = ALL.filter(({ name, isShort, isForEachShape }) => name.includes(options.only) && (isShort || !options.short) && (isForEachShape || !options.cluster));
const results = new Map<string, Map<string, Result>>();
let isGood = true;

async function runAll(engine: Engine, browser: Browser, column: Map<string, Result>): Promise<void> {
  for (const scenario of scenarios) {
    const result = await played(scenario, { engine: engine.name, browser, server, pages, operator, site });
    column.set(scenario.name, result);
    if (result.state === "failed") isGood = false;
    process.stderr.write(`${engine.name}: ${scenario.name}: ${result.state} (${result.seconds.toFixed(1)} s) ${result.why.split("\n", 1)[0]}\n`);
  }
}

try {
  for (const name of options.engines.split(",")) {
    const load = ENGINES[name];
    if (!load) throw new Error(`there is no engine ${name}`);
    const engine = await load();
    const missing = engine.missing();
    if (missing) {
      isGood = false;
      results.set(engine.name, new Map(scenarios.map((scenario) => [scenario.name, { state: "failed", why: missing, seconds: 0 }])));
      continue;
    }
    const browser = await engine.start();
    const column = new Map<string, Result>();
    results.set(`${engine.name} ${browser.version}`, column);
    try {
      await runAll(engine, browser, column);
    } finally {
      await browser.close();
    }
  }
} finally {
  pages.close();
  await server.close();
}
console.log(table(scenarios.map(({ name }) => name), results, server.shape));
console.log(`${((Date.now() - started) / 1_000).toFixed(1)} s`);
process.exit(isGood ? 0 : 1);
