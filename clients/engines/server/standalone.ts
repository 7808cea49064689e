/** Everything in one process: the program in STANDALONE on the database in DATABASE_URL. */
import { type ChildProcess, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { end, launch } from "../drivers/programs.ts";
import { until } from "../wait.ts";
import { type Server, gauge } from "./server.ts";

/** A port of the kernel's choice stays free for a while after it was given back: a killed server comes back to it. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function standalone(log: string): Promise<Server> {
  const program = process.env["STANDALONE"] ?? "";
  const folder = mkdtempSync(join(tmpdir(), "switchboard-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { ...process.env, HTTP__BIND: `127.0.0.1:${port}`, DATA_DIR: folder, DEMO_OPERATOR: "false" };
  let running: ChildProcess | null = null;
  const server: Server = {
    url,
    shape: "one process",
    parts: ["the server"],
    async kill() {
      if (running) await end(running);
      running = null;
    },
    async start() {
      const child = launch(program, [], log, env);
      running = child;
      await until("the server is ready", 60_000, async () => {
        if (child.exitCode !== null) throw new Error(`the server has ended by itself; its log is ${log}`);
        const answer = await fetch(`${url}/readyz`).catch(() => null);
        return answer?.ok === true;
      });
    },
    admin: (...args) => execFileSync(program, args, { encoding: "utf8", env, stdio: ["ignore", "pipe", "pipe"] }),
    connections: () => gauge(url, "active_connections"),
    async close() {
      if (running) await end(running, "SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start("");
  return server;
}
