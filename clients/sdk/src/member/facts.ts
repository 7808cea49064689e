// What operators see of a session beside its state: REST tells it, and messages that come live keep it up, by the rules of the
// server. Facts are immutable: a change makes a new object.
import type { ServerFrame } from "../protocol/frames.ts";
import type { Message, SessionView } from "../protocol/schemas.ts";
import { isBy } from "../store/receipts.ts";
import type { Chat, Self } from "../store/store.ts";

export type ContactCard = NonNullable<SessionView["contact"]>;

export interface Facts {
  /** What the site told of the visitor. */
  metadata: SessionView["metadata"];
  contact: ContactCard | null;
  /** The last sign of the visitor, as far as REST told. */
  clientSeenAt: string | null;
  /** The oldest message of the visitor that no public message of an operator follows. */
  waitingSince: string | null;
  changedAt: string;
  /** The highest seq that these facts know of. */
  seq: number;
  /** Unread messages that are not all held: so many up to that seq, for a reader whose mark stood there. */
  unread: { count: number; upTo: number; mark: number };
}

/** A session as the server that knows of lists tells it. An older one leaves these out. */
export type ListedSession = SessionView & { site?: string | null; waiting_since?: string | null; changed_at?: string | null };

const later = (one: string, other: string | undefined): string => (other !== undefined && other > one ? other : one);
const markOf = (marks: SessionView["marks"], self: Self | null): number =>
  marks.find((mark) => mark.reader_type === "user" && mark.reader_id === self?.id)?.read_seq ?? 0;

export function factsOf(view: ListedSession, before: Facts | undefined, self: Self | null): Facts {
  const isNews = !before || view.seq >= before.seq;
  return {
    metadata: view.metadata ?? {},
    contact: view.contact ?? null,
    clientSeenAt: view.client_last_seen_at ?? null,
    waitingSince: isNews ? (view.waiting_since ?? null) : before.waitingSince,
    changedAt: later(before?.changedAt ?? "", view.changed_at ?? view.last_message?.created_at ?? view.created_at),
    seq: Math.max(view.seq, before?.seq ?? 0),
    unread: isNews ? { count: view.unread_count, upTo: view.seq, mark: markOf(view.marks, self) } : before.unread,
  };
}

const NOTHING: Facts = {
  metadata: {},
  contact: null,
  clientSeenAt: null,
  waitingSince: null,
  changedAt: "",
  seq: 0,
  unread: { count: 0, upTo: 0, mark: 0 },
};

/** The facts after a frame; the same object where it tells nothing of them. */
export function withFrame(before: Facts | undefined, frame: ServerFrame): Facts | undefined {
  if (frame.type === "chat.message") return withMessage(before ?? NOTHING, frame.data);
  if (frame.type.startsWith("chat.session.") && "seq" in frame && frame.seq !== undefined) {
    const facts = before ?? NOTHING;
    const at = ("activity" in frame ? frame.activity?.at : undefined) ?? (frame.type === "chat.session.created" ? frame.data.created_at : undefined);
    return { ...facts, changedAt: later(facts.changedAt, at), seq: Math.max(facts.seq, frame.seq) };
  }
  return before;
}

function withMessage(facts: Facts, message: Message): Facts {
  if (message.seq <= facts.seq) return facts;
  const isAnswer = message.sender_type === "operator" && message.visibility !== "staff";
  const isQuestion = message.sender_type === "client";
  return {
    ...facts,
    waitingSince: isQuestion ? (facts.waitingSince ?? message.created_at) : isAnswer ? null : facts.waitingSince,
    changedAt: later(facts.changedAt, message.created_at),
    clientSeenAt: isQuestion ? message.created_at : facts.clientSeenAt,
    seq: message.seq,
  };
}

/** The visitor's messages that this operator has not read. */
export function unreadOf(chat: Chat, facts: Facts | undefined, self: Self | null): number {
  const mark = chat.marks.get(`${self?.type ?? "user"}:${self?.id}`)?.read_seq ?? 0;
  const told = facts && mark <= facts.unread.mark && mark < facts.unread.upTo ? facts.unread : null;
  const isHeldWhole = chat.isRead && !chat.hasOlder;
  const from = told && !isHeldWhole ? told.upTo : mark;
  let count = told && !isHeldWhole ? told.count : 0;
  for (const message of chat.messages.values()) if (message.seq > from && isUnread(chat, message, self)) count++;
  return count;
}

export const isUnread = (chat: Chat, message: Message, self: Self | null): boolean =>
  !message.is_deleted && (chat.kind === "session" ? message.sender_type === "client" : message.sender_type !== "system" && !isBy(message, self));
