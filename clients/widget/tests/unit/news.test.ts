import type { ConversationView, MessageView, VisitorSnapshot } from "@switchboard/sdk";
import { expect, test } from "vitest";
import { partnerIn } from "../../src/panel/extras/conversation-list.tsx";
import { newsOf } from "../../src/panel/preview/news.ts";

const NOW = Date.parse("2026-11-20T12:00:00Z");
const HOUR_MS = 3_600_000;

/** `hours` before now, of Olivia unless it says otherwise. */
function message(id: number | null, hours: number, extra: Partial<MessageView> = {}): MessageView {
  const sender = { type: "operator", id: 3, name: "Olivia Park" } as const;
  return { key: `m${id}`, id, seq: id, mine: false, sender, body: `message ${id}`, at: new Date(NOW - hours * HOUR_MS).toISOString(), tick: null, error: null, isDeleted: false, editedAt: null, ...extra };
}
const mine = (id: number | null, hours: number) => message(id, hours, { mine: true, sender: { type: "client", id: 9, name: null } });
const bySystem = (id: number, hours: number) => message(id, hours, { sender: { type: "system", id: 0, name: null } });

function conversation(id: number, unread: number, messages: MessageView[], extra: Partial<ConversationView> = {}): ConversationView {
  const at = new Date(NOW).toISOString();
  return { id, status: "open", assignee: null, createdAt: at, messages, hasOlder: false, loadingOlder: false, typing: [], unread, lastMessage: messages.at(-1) ?? null, unreadFrom: null, ...extra };
}
const snapshot = (...conversations: ConversationView[]): VisitorSnapshot => ({
  connection: { state: "live", transport: null, downSince: null, retryAt: null, closed: null },
  site: null,
  conversations,
  currentId: null,
  unread: conversations.reduce((sum, { unread }) => sum + unread, 0),
  opening: false,
  problem: null,
  isLeader: true,
});
const news = (given: VisitorSnapshot, { seen = 0, heard = null as Parameters<typeof newsOf>[2] } = {}) => {
  const found = newsOf(given, seen, heard, NOW);
  return found && [found.conversationId, found.id, found.more];
};

test("the newest unread answer of all conversations is the news, and the others are counted", () => {
  expect(news(snapshot())).toBeNull();
  expect(news(snapshot(conversation(1, 0, [message(5, 1)])))).toBeNull();
  expect(news(snapshot(conversation(2, 2, [message(5, 2), message(6, 1)]), conversation(1, 1, [message(7, 0.5)])))).toEqual([1, 7, 2]);
});

test("a visitor's own words, a line of the system and what was deleted are no news", () => {
  expect(news(snapshot(conversation(1, 1, [message(5, 1), mine(6, 0.5), bySystem(7, 0.4), message(8, 0.3, { isDeleted: true }), mine(null, 0)])))).toEqual([1, 5, 0]);
  expect(news(snapshot(conversation(1, 1, [mine(6, 1), bySystem(7, 1)])))).toBeNull();
});

test("a conversation of which only the last message is known has news too", () => {
  expect(news(snapshot(conversation(1, 3, [], { lastMessage: message(9, 1) })))).toEqual([1, 9, 2]);
  expect(news(snapshot(conversation(1, 1, [message(4, 5)], { lastMessage: message(9, 1) })))).toEqual([1, 9, 0]);
});

test("what was heard of a conversation that is not connected is its news, and what its messages say of it is newer", () => {
  const heard = [message(9, 0.1), 1] as const;
  expect(news(snapshot(conversation(2, 0, []), conversation(1, 1, [message(4, 5)])), { heard })).toEqual([1, 9, 0]);
  expect(news(snapshot(conversation(2, 1, [message(8, 1)]), conversation(1, 0, [message(4, 5)])), { heard })).toEqual([2, 8, 0]);
  expect(news(snapshot(conversation(1, 1, [message(4, 5), message(9, 0.1, { isDeleted: true })])), { heard })).toEqual([1, 4, 0]);
});

test("what was hidden stays so, and what comes later does not", () => {
  const talk = snapshot(conversation(1, 2, [message(5, 1), message(6, 1)]));
  expect(news(talk, { seen: 5 })).toEqual([1, 6, 1]);
  expect(news(talk, { seen: 6 })).toBeNull();
});

test("after a day an answer is for the badge alone, unless it came before the visitor's eyes", () => {
  expect(news(snapshot(conversation(1, 1, [message(5, 23.9)])))).toEqual([1, 5, 0]);
  expect(news(snapshot(conversation(1, 1, [message(5, 24.1)])))).toBeNull();
  expect(news(snapshot(conversation(1, 1, [message(5, 24.1)])), { heard: [message(5, 24.1), 1] })).toEqual([1, 5, 0]);
  expect(news(snapshot(conversation(1, 1, [message(5, 24.1)])), { heard: [message(6, 24), 2] })).toBeNull();
  expect(news(snapshot(conversation(1, 1, [message(5, -48)])))).toEqual([1, 5, 0]);
});

test("a conversation that nobody has is named by the last operator who wrote in it", () => {
  const tomas = { type: "operator", id: 4, name: "Tomás Ruiz" } as const;
  const bot = { type: "bot", id: 5, name: "Robot" } as const;
  expect(partnerIn(conversation(1, 0, [message(5, 2), message(6, 1, { sender: tomas }), mine(7, 1)]))).toBe("Tomás Ruiz");
  expect(partnerIn(conversation(1, 0, [message(5, 2)], { assignee: { id: 4, name: "Tomás Ruiz" } }))).toBe("Tomás Ruiz");
  expect(partnerIn(conversation(1, 0, [], { lastMessage: message(5, 2) }))).toBe("Olivia Park");
  expect(partnerIn(conversation(1, 0, [bySystem(4, 1), message(5, 1, { sender: bot }), mine(6, 1)]))).toBeNull();
  expect(partnerIn(conversation(1, 0, []))).toBeNull();
});
