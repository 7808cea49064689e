// What operators see of sessions, held bounded.
import { expect, test } from "vitest";
import { bounded } from "../src/member/bounds.ts";
import { factsOf, type ListedSession, unreadOf, withFrame } from "../src/member/facts.ts";
import type { ServerFrame } from "../src/protocol/frames.ts";
import type { Message } from "../src/protocol/schemas.ts";
import { chatIn, emptyState, keepMark, keepMessage, type Chat } from "../src/store/store.ts";

const self = { type: "user" as const, id: 3, name: "Olivia", role: "operator" };
const at = (seq: number): string => new Date(Date.UTC(2026, 0, 1) + seq * 1_000).toISOString();
const message = (seq: number, more: Partial<Message> = {}): Message => ({
  id: seq,
  chat_id: 1,
  client_id: `c${seq}`,
  seq,
  changed_seq: seq,
  sender_type: "client",
  sender_id: 9,
  sender_name: "Ana",
  body: `message ${seq}`,
  created_at: at(seq),
  is_deleted: false,
  visibility: "public",
  ...more,
});
const frame = (seq: number, more: Partial<Message> = {}): ServerFrame => ({ type: "chat.message", session_id: 1, seq, data: message(seq, more) });
const listed = (seq: number, more: Partial<ListedSession> = {}): ListedSession => ({
  session_id: 1,
  status: "open",
  client: { id: 9 },
  created_at: at(0),
  state_seq: 1,
  seq,
  metadata: {},
  is_banned: false,
  unread_count: 0,
  unread_counts: { client: 0, operator: 0 },
  marks: [],
  client_last_seen_at: at(0),
  ...more,
});
const mark = (chat: Chat, seq: number) => keepMark(chat, { reader_type: "user", reader_id: 3, delivered_seq: seq, read_seq: seq, updated_at: at(seq) });

test("who waits is told by the rules of the server", () => {
  let facts = factsOf(listed(4), undefined, self);
  const after = (...frames: ServerFrame[]) => {
    for (const one of frames) facts = withFrame(facts, one) ?? facts;
    return facts.waitingSince;
  };
  expect(after(frame(5))).toBe(at(5));
  expect(after(frame(6))).toBe(at(5));
  expect(after(frame(7, { sender_type: "operator", visibility: "staff" }))).toBe(at(5));
  expect(after(frame(8, { sender_type: "system" }))).toBe(at(5));
  expect(after(frame(9, { sender_type: "operator" }))).toBe(null);
  // What comes again, or late, tells nothing.
  expect(after(frame(6))).toBe(null);
  expect(facts.changedAt).toBe(at(9));
});

test("a list that was asked for before a message does not take it back", () => {
  const facts = withFrame(factsOf(listed(4), undefined, self), frame(5));
  expect(factsOf(listed(4, { waiting_since: null, unread_count: 0 }), facts, self).waitingSince).toBe(at(5));
  expect(factsOf(listed(5, { waiting_since: at(5), unread_count: 1 }), facts, self).unread.count).toBe(1);
});

test("the unread are those that the server counted and those that came since", () => {
  const chat = chatIn(emptyState(), 1);
  const facts = factsOf(listed(10, { unread_count: 7, marks: [{ reader_type: "user", reader_id: 3, delivered_seq: 3, read_seq: 3, updated_at: at(3) }] }), undefined, self);
  mark(chat, 3);
  keepMessage(chat, message(10));
  expect(unreadOf(chat, facts, self)).toBe(7);
  keepMessage(chat, message(11));
  keepMessage(chat, message(12, { sender_type: "operator", sender_id: 4 }));
  expect(unreadOf(chat, facts, self)).toBe(8);
  mark(chat, 12);
  expect(unreadOf(chat, facts, self)).toBe(0);
  keepMessage(chat, message(13));
  expect(unreadOf(chat, facts, self)).toBe(1);
});

test("a chat that nobody looks at keeps few messages, and none of its unread is forgotten", () => {
  const chat = chatIn(emptyState(), 1);
  let facts = factsOf(listed(0), undefined, self);
  for (let seq = 1; seq <= 500; seq++) {
    const one = frame(seq);
    facts = withFrame(facts, one) ?? facts;
    keepMessage(chat, message(seq));
    facts = bounded(chat, facts, self)?.facts ?? facts;
    expect(chat.messages.size).toBeLessThanOrEqual(60);
    expect(unreadOf(chat, facts, self), `after ${seq}`).toBe(seq);
  }
  mark(chat, 500);
  expect(unreadOf(chat, facts, self)).toBe(0);
});
