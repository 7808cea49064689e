/** Rule 23: one sound, in the leading tab, at most one in three seconds; and notifications of the system, where they are wanted. */
import type { MemberMessage } from "@switchboard/sdk";
import { type Chime, Sound } from "@switchboard/ui/sound";
import type { Console } from "../app/console.ts";
import { openChat, route } from "../app/route.ts";
import type { Row } from "../desk/rows.ts";
import { settings } from "./settings.ts";

const LENGTH = 200;

const CHIME: Chime = { tones: [[587, 0], [784, 0.1]], volume: 0.1, length: 0.28 };

/** Whether this tab leads: of several one makes the sound. Without locks each is by itself. */
function lead(): { isLeader(): boolean; stop(): void } {
  const locks = (navigator as { locks?: LockManager }).locks;
  if (!locks) return { isLeader: () => true, stop: () => undefined };
  const ended = new AbortController();
  let release = null as (() => void) | null;
  const held = () =>
    new Promise<void>((resolve) => {
      if (ended.signal.aborted) resolve();
      else release = resolve;
    });
  void locks.request("switchboard.console.lead", { signal: ended.signal }, held).catch(() => undefined);
  return {
    isLeader: () => release !== null,
    stop() {
      ended.abort();
      release?.();
      release = null;
    },
  };
}

export function alerts(console: Console): () => void {
  const sound = new Sound(CHIME);
  const leading = lead();
  const ended = new AbortController();
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => sound.unlock(), { signal: ended.signal, passive: true });
  const isSeen = (row: Row) => {
    const at = route.peek();
    return !document.hidden && document.hasFocus() && at.page === "lists" && at.chat === row.id;
  };
  const off = console.desk.onNews((message, row) => {
    if (!leading.isLeader() || isSeen(row) || !concerns(console, row)) return;
    if (settings.peek().sound) sound.play();
    if (settings.peek().notifications && !(document.hasFocus() && !document.hidden)) notify(message, row);
  });
  return () => {
    off();
    ended.abort();
    leading.stop();
    sound.close();
  };
}

/** What another operator has is not this one's to hear. */
const concerns = ({ desk }: Console, { assignee }: Row): boolean => assignee === null || assignee.id === desk.account.id;

function notify(message: MemberMessage, row: Row): void {
  if (typeof Notification !== "function" || Notification.permission !== "granted") return;
  try {
    const shown = new Notification(row.name, { body: message.body.slice(0, LENGTH), tag: `switchboard-${row.id}` });
    shown.addEventListener("click", () => {
      window.focus();
      openChat(row.id);
      shown.close();
    });
  } catch {
    // Some phones know the name alone.
  }
}

/** How many unread conversations the title of the page tells. */
export function title(console: Console): () => void {
  const draw = () => {
    let count = 0;
    for (const row of console.desk.rows()) if (row.status === "open" && (row.unread > 0 || row.isMarkedUnread) && concerns(console, row)) count++;
    document.title = count > 0 ? `(${count > 99 ? "99+" : count}) Switchboard` : "Switchboard";
  };
  const timer = setInterval(draw, 1_000);
  draw();
  return () => {
    clearInterval(timer);
    document.title = "Switchboard";
  };
}
