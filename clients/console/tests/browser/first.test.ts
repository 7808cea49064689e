/** A new installation: the first admin is made by the link that the server prints at its start. */
import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { World } from "./support/world.ts";

const createdb = globSync("/usr/lib/postgresql/*/bin/createdb").at(-1);
const url = process.env["DATABASE_URL"];
const program = process.env["STANDALONE"] ?? process.env["SWITCHBOARD_BIN"];

test.skipIf(!createdb || !url || !program)("the first admin", async () => {
  const given = new URL(url ?? "");
  const name = `first_${process.pid}_${Date.now()}`;
  execFileSync(createdb ?? "", ["-h", given.hostname, "-p", given.port, "-U", given.username, name], { env: { ...process.env, PGPASSWORD: decodeURIComponent(given.password) } });
  given.pathname = `/${name}`;
  const log = join(mkdtempSync(join(tmpdir(), "console-first-")), "log");
  const before = { DATABASE_URL: url, STANDALONE: process.env["STANDALONE"] };
  Object.assign(process.env, { DATABASE_URL: given.href, STANDALONE: program });
  const world = await World.begin("", log);
  Object.assign(process.env, { DATABASE_URL: before.DATABASE_URL }, before.STANDALONE ? { STANDALONE: before.STANDALONE } : {});
  try {
    await expect.poll(() => readFileSync(log, "utf8")).toMatch(/#first=[\w-]+/);
    const hash = /#first=[\w-]+/.exec(readFileSync(log, "utf8"))?.[0] ?? "";
    const { page: stranger } = await world.open();
    await expect.poll(() => stranger.locator(".entry-told").textContent()).toContain("There is no admin yet");

    const { page, said } = await world.open({}, hash);
    await expect.poll(() => page.locator("h1").textContent()).toBe("Make the first admin");
    await page.locator("input[type=email]").fill("root@example.com");
    await page.locator("input[autocomplete=name]").fill("Rita Root");
    await page.locator("input[type=password]").fill("a long enough password");
    await page.keyboard.press("Enter");
    await page.locator(".lists").waitFor();
    expect(page.url()).not.toContain("first=");
    await expect.poll(() => page.locator(".side-foot").textContent()).toContain("People");

    const { page: late } = await world.open({}, hash);
    await expect.poll(() => late.locator("h1").textContent()).toContain("not good any more");
    await stranger.reload();
    await stranger.locator("input[type=email]").waitFor();
    await stranger.waitForTimeout(500);
    expect(await stranger.locator(".entry-told").count()).toBe(0);
    // A refused password, or what the server does not have, is told in the console by the browser itself.
    expect(said.filter((text) => !/status of 4/.test(text))).toEqual([]);
  } finally {
    await world.end();
  }
});
