import type { Page } from "../shared/bridge.ts";

export const currentPage = (): Page => ({ url: location.href.slice(0, 2048), title: document.title.slice(0, 200) });

const POLL_MS = 1_000;
/** Applications change the address first and the title a little later. */
const SETTLE_MS = 300;

/** Hears of pushState, replaceState and going back, without touching the page's `history`. */
export function watchAddress(changed: (page: Page) => void): () => void {
  let known = location.href;
  let settling = 0;
  const look = () => {
    if (location.href === known) return;
    known = location.href;
    clearTimeout(settling);
    settling = window.setTimeout(() => changed(currentPage()), SETTLE_MS);
  };
  const { navigation } = window as { navigation?: EventTarget };
  const timer = navigation ? 0 : window.setInterval(look, POLL_MS);
  const ended = new AbortController();
  navigation?.addEventListener("currententrychange", look, { signal: ended.signal });
  for (const type of ["popstate", "hashchange", "pageshow"]) addEventListener(type, look, { signal: ended.signal });
  return () => {
    ended.abort();
    clearInterval(timer);
    clearTimeout(settling);
  };
}
