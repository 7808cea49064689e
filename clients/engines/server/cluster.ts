/** The distributed shape that `make up` has started: UP_AREA is its folder, FRONT its address, DATABASE_URL its database. */
import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { SOON_MS, until } from "../wait.ts";
import { type Server, gauge } from "./server.ts";

const ROOT = join(import.meta.dirname, "../../..");
const GATEWAYS = ["channel-gateway-1", "channel-gateway-2"];

const isAlive = (pid: number): boolean => {
  try {
    // A zombie is none: its parent, this script's, may be busy.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

export async function cluster(): Promise<Server> {
  const area = join(ROOT, process.env["UP_AREA"] ?? "");
  const url = `http://${process.env["FRONT"]}`;
  const metricsOf = (gateway: string) => {
    const port = new RegExp(`^${gateway}-metrics=(\\d+)$`, "m").exec(readFileSync(join(area, "ports"), "utf8"))?.[1];
    return `http://127.0.0.1:${port}`;
  };
  return {
    url,
    shape: "two of each service",
    parts: GATEWAYS,
    async kill(part) {
      const pid = Number(readFileSync(join(area, "processes", part), "utf8").split(" ")[0]);
      process.kill(pid, "SIGKILL");
      await until(`${part} is dead`, SOON_MS, async () => !isAlive(pid));
    },
    /** The second `make up` starts what is missing. */
    start: async () => void (await promisify(execFile)("deploy/local/up.sh", { cwd: ROOT })),
    admin: (...args) => execFileSync(join(ROOT, "target/release/chat-service"), args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }),
    connections: async () => (await Promise.all(GATEWAYS.map((gateway) => gauge(metricsOf(gateway), "active_connections")))).reduce((sum, count) => sum + count, 0),
    close: async () => undefined,
  };
}
