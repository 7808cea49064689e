import { setTimeout as pause } from "node:timers/promises";

const BETWEEN_MS = 40;
export const SOON_MS = 15_000;

/** Asks again until the answer is yes. A check that throws is asked again too; the last error is told in the end. */
export async function until(what: string, withinMs: number, check: () => Promise<boolean>, tell: () => Promise<string> = async () => ""): Promise<void> {
  const deadline = Date.now() + withinMs;
  let last = "";
  while (Date.now() < deadline) {
    try {
      if (await check()) return;
      last = "";
    } catch (error) {
      last = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    await pause(BETWEEN_MS);
  }
  throw new Error(`not within ${withinMs / 1_000} s: ${what}${last} ${await tell().catch(() => "")}`.trimEnd());
}
