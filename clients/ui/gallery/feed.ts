/** Conversations that change all the time: what a busy desk's list has to bear. */
import { type Signal, signal } from "@preact/signals";

export interface Chat {
  id: string;
  name: string;
  text: string;
  at: number;
  unread: number;
}

const NAMES = ["Ana Silva", "Omar Haddad", "Li Wei", "Marta Kowalska", "Jonas Berg", "ليلى منصور", "Ivan Petrov", "Chloé Martin", "Noah Smith", "Yuki Tanaka"];
const TEXTS = ["Where is my lamp?", "Thank you, that helped a lot.", "The invoice shows another address than the one that I gave you last week.", "هل يمكنني تغيير الطلب؟", "Is it in stock in blue?", "👍"];

/** The same at each run. */
let state = 7;
const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
const pick = (from: readonly string[]): string => from[random(from.length)] ?? "";

export const chats: Signal<readonly Chat[]> = signal([]);

export function fill(count: number): void {
  chats.value = Array.from({ length: count }, (_, index) => ({ id: `chat-${index}`, name: pick(NAMES), text: pick(TEXTS), at: index, unread: index < 40 ? random(4) : 0 }));
}

/** A message arrives: its chat goes to the top. Every third only changes a text in its place. */
export function update(): void {
  const now = chats.peek();
  const index = random(now.length);
  const chat = now[index];
  if (!chat) return;
  const changed = { ...chat, text: pick(TEXTS), unread: chat.unread + 1 };
  const next = now.slice();
  if (random(3) === 0) next[index] = changed;
  else {
    next.splice(index, 1);
    next.unshift(changed);
  }
  chats.value = next;
}

/** Each update is an event of its own, as frames of a socket are. */
export function start(perSecond: number): () => void {
  let due = performance.now();
  const timer = setInterval(() => {
    for (const now = performance.now(); due < now; due += 1_000 / perSecond) update();
  }, 4);
  return () => clearInterval(timer);
}
