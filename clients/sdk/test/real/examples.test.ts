// The README's chat runs as it is written.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { until, url } from "./server.ts";

test.runIf(url !== "")("the chat for Node sends what is written", async () => {
  const args = ["--conditions=switchboard-source", "examples/chat.ts"];
  const cwd = new URL("../..", import.meta.url);
  const chat = spawn(process.execPath, args, { cwd, env: { ...process.env, SWITCHBOARD_URL: url } });
  let printed = "";
  chat.stdout.on("data", (text: Buffer) => (printed += text.toString()));
  chat.stderr.on("data", (text: Buffer) => (printed += text.toString()));
  chat.stdin.write("Hello\n");
  await until(() => expect(printed).toContain("me (sent): Hello"));
  const ended = new Promise((resolve) => chat.on("exit", resolve));
  chat.kill("SIGINT");
  expect(await ended).toBe(0);
});

const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const root = new URL("../..", import.meta.url);

test.runIf(url !== "" && chromium && existsSync(new URL("dist/index.js", root)))("the chat for browsers too", async () => {
  const { chromium: engine } = await import("playwright-core");
  const browser = await engine.launch({ executablePath: chromium ?? "", args: ["--no-sandbox"] });
  const page = await browser.newPage();
  // The page is of the server's own origin, as a page of its address is.
  await page.route(`${url}/sdk/**`, (route) => {
    const path = new URL(new URL(route.request().url()).pathname.replace("/sdk/", ""), root);
    return route.fulfill({ path: fileURLToPath(path) });
  });
  await page.goto(`${url}/sdk/examples/chat.html`);
  await page.fill("#text", "Hello");
  await page.press("#text", "Enter");
  await page.getByText("me (sent): Hello").waitFor();
  await page.reload();
  await page.getByText("me (sent): Hello").waitFor();
  expect(await page.locator("#messages li").count()).toBe(1);
  await browser.close();
}, 60_000);
