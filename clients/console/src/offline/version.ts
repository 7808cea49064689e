/** Tells once that the server has a newer console, and loads it at a quiet moment: drafts and what waits are stored. */
import type { Console } from "../app/console.ts";
import { t } from "../words/words.ts";

const LOOK_MS = 10 * 60_000;
const QUIET_MS = 60_000;

const script = (page: string): string | null => /assets\/console-[\w-]+\.js/.exec(page)?.[0] ?? null;
const own = (): string | null => script(document.querySelector<HTMLScriptElement>("script[src*=console-]")?.src ?? "");

export function watchVersion(console: Console): () => void {
  let isTold = false;
  let touchedAt = Date.now();
  const ended = new AbortController();
  for (const name of ["keydown", "pointerdown"]) addEventListener(name, () => void (touchedAt = Date.now()), { signal: ended.signal, passive: true });
  const reload = () => {
    console.desk.drafts.flush();
    location.reload();
  };
  const look = async () => {
    if (own() === null) return;
    try {
      const page = await (await fetch("./", { cache: "no-cache" })).text();
      const newest = script(page);
      if (newest === null || newest === own()) return;
    } catch {
      return;
    }
    if (!isTold) console.toasts.show({ text: t("newVersion"), action: { label: t("reload"), run: reload } });
    isTold = true;
    const isQuiet = document.hidden && Date.now() - touchedAt > QUIET_MS && console.desk.waiting.peek() === 0;
    if (isQuiet) reload();
  };
  const timer = setInterval(() => void look(), LOOK_MS);
  const off = console.desk.connection.subscribe(({ state }) => void (state === "live" && look()));
  return () => {
    clearInterval(timer);
    off();
    ended.abort();
  };
}
