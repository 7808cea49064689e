/** Rule 12: a conversation is read where it is visible, focused, and at its end for a second. */
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { ChatView } from "@switchboard/sdk";
import type { Desk } from "../desk/desk.ts";

const LOOK_MS = 1_000;

const isLookedAt = signal(!document.hidden && document.hasFocus());
const look = () => void (isLookedAt.value = !document.hidden && document.hasFocus());
addEventListener("focus", look);
addEventListener("blur", look);
document.addEventListener("visibilitychange", look);

/** Ends with the call of what it answers. */
export function reading(desk: Desk, id: number, chat: ReadonlySignal<ChatView | null>, isAtEnd: ReadonlySignal<boolean>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last: number | null = null;
  const end = effect(() => {
    const newest = chat.value?.messages.findLast(({ seq }) => seq !== null)?.seq ?? null;
    const mayRead = isLookedAt.value && isAtEnd.value && newest !== null && chat.value?.isOpen === true;
    if (mayRead && newest === last) return;
    clearTimeout(timer);
    last = mayRead ? newest : null;
    if (!mayRead) return;
    timer = setTimeout(() => {
      // Rule 13.
      if (!desk.isMarkedUnread(id)) desk.client.read(id);
    }, LOOK_MS);
  });
  return () => {
    clearTimeout(timer);
    end();
  };
}
