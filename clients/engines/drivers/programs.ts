/** Programs that end with this one, whatever ends it. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { delimiter, join } from "node:path";

export function find(...names: string[]): string | null {
  const folders = `${process.env["PATH"] ?? ""}${delimiter}/usr/bin${delimiter}/usr/sbin`.split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync) ?? null;
}

/** Starts a program in a group of its own, its output in a file. The kernel ends it when this process ends. */
export function launch(program: string, args: string[], log: string, env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const output = openSync(log, "a");
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", program, ...args], { stdio: ["ignore", output, output], env, detached: true });
  closeSync(output);
  child.on("error", () => undefined);
  return child;
}

/** Ends a program and what it has started. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  process.kill(-child.pid, signal);
  await ended;
}
