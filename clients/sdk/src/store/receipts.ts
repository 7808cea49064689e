// Tells the server how far this reader has come: "delivered" of all that arrived, "read" of what was on the screen.
import type { MarkKind, Message } from "../protocol/schemas.ts";
import type { Mark } from "../protocol/schemas.ts";
import { markKey, type Chat, type Self } from "./store.ts";

/** Sends one mark, by socket or by REST. */
export type TellMark = (chat: number, kind: MarkKind, lastId: number) => Promise<unknown>;

const GATHER_MS = 150;

export class Receipts {
  #tell: TellMark;
  #told = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(tell: TellMark) {
    this.#tell = tell;
  }

  /** On a new connection nothing is told but what the server shows. */
  reset(chats: readonly { chat_id: number; marks: readonly Mark[] }[], self: Self): void {
    this.#told.clear();
    for (const { chat_id, marks } of chats) {
      const own = marks.find((mark) => markKey(mark) === `${self.type}:${self.id}`);
      this.#told.set(`${chat_id} delivered`, own?.delivered_seq ?? 0);
      this.#told.set(`${chat_id} read`, own?.read_seq ?? 0);
    }
  }

  /** Tells soon what is new; a burst is told at once. */
  soon(run: () => void): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      run();
    }, GATHER_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  tell(chat: Chat, self: Self): void {
    const readSeq = chat.marks.get(`${self.type}:${self.id}`)?.read_seq ?? 0;
    this.#upTo(chat, self, "read", readSeq);
    this.#upTo(chat, self, "delivered", Infinity);
  }

  #upTo(chat: Chat, self: Self, kind: MarkKind, seq: number): void {
    const last = lastOfOthers(chat, self, seq);
    const key = `${chat.id} ${kind}`;
    const told = Math.max(this.#told.get(key) ?? 0, kind === "delivered" ? (this.#told.get(`${chat.id} read`) ?? 0) : 0);
    if (!last || last.seq <= told) return;
    this.#told.set(key, last.seq);
    // What was not told is told with the next one.
    this.#tell(chat.id, kind, last.id).catch(() => this.#told.set(key, told));
  }
}

export const isBy = (message: Message, self: Self | null): boolean =>
  self?.type === "user"
    ? message.sender_id === self.id && (message.sender_type === "user" || message.sender_type === "operator")
    : message.sender_type === "client";

/** The last message of somebody else at or below a seq. */
export function lastOfOthers(chat: Chat, self: Self | null, upTo = Infinity): Message | null {
  let last: Message | null = null;
  for (const message of chat.messages.values()) {
    if (message.seq <= upTo && message.seq > (last?.seq ?? 0) && !isBy(message, self)) last = message;
  }
  return last;
}
