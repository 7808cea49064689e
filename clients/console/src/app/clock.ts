/** The time, for what tells how long something lasts. It goes on each half minute, while the page is seen. */
import { signal } from "@preact/signals";

export const now = signal(Date.now());
const TICK_MS = 30_000;

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, TICK_MS);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) now.value = Date.now();
});
