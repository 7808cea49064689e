/** Rule 23: one sound, in the leading tab, at most one in three seconds; and notifications of the system, where they are wanted. */
import type { MemberMessage } from "@switchboard/sdk";
import type { Console } from "../app/console.ts";
import { openChat, route } from "../app/route.ts";
import type { Row } from "../desk/rows.ts";
import { settings } from "./settings.ts";

const REST_MS = 3_000;
const LENGTH = 200;

class Sound {
  #context: AudioContext | null = null;
  #last = Number.NEGATIVE_INFINITY;

  /** A browser starts sound only within a gesture. */
  unlock(): void {
    this.#context ??= new AudioContext();
    void this.#context.resume().catch(() => undefined);
  }

  play(now = performance.now()): void {
    const context = this.#context;
    // What cannot be heard now is dropped.
    if (context?.state !== "running" || now - this.#last < REST_MS) return;
    this.#last = now;
    for (const [pitch, start] of [[587, 0], [784, 0.1]] as const) {
      const tone = context.createOscillator();
      const volume = context.createGain();
      const at = context.currentTime + start;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(0.1, at + 0.015);
      volume.gain.exponentialRampToValueAtTime(0.001, at + 0.28);
      tone.connect(volume).connect(context.destination);
      tone.start(at);
      tone.stop(at + 0.3);
    }
  }

  close(): void {
    void this.#context?.close();
  }
}

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
  const sound = new Sound();
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
