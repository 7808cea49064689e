import type { Model } from "../model.ts";

/** A page comes this soon after the one before. What is older is of a tab that a browser has restored. */
const NEXT_PAGE_MS = 60_000;

/** On a phone the panel would hide the page that its visitor has gone on to. One that is loaded again is as it was. */
const hidesPage = (): boolean => {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  return Math.min(screen.width, screen.height) <= 480 && navigation?.type !== "reload";
};

/** A panel that is open stays so on the next page of this tab, where the visitor has spoken. The answer ends it. */
export function stayOpen(model: Model): () => void {
  const name = `switchboard.widget.${model.settings.site}.open`;
  const leave = () => {
    if (model.isShown && model.earlier.length > 0) attempt(() => sessionStorage.setItem(name, `${Date.now()}`));
  };
  const leftAt = attempt(() => sessionStorage.getItem(name));
  if (leftAt) {
    attempt(() => sessionStorage.removeItem(name));
    if (Math.abs(Date.now() - Number(leftAt)) < NEXT_PAGE_MS && !hidesPage() && model.earlier.length > 0) model.host.open(false);
  }
  addEventListener("pagehide", leave);
  return () => removeEventListener("pagehide", leave);
}

/** Storage may be blocked; then the next page opens nothing. */
function attempt<T>(use: () => T): T | null {
  try {
    return use();
  } catch {
    return null;
  }
}
