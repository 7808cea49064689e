// From the store and the outbox to what a page shows. A view is the same object as long as nothing in it has changed.
import type { Mark, Message, OwnSession } from "../protocol/schemas.ts";
import type { Queued } from "../outbox/outbox.ts";
import { isBy } from "../store/receipts.ts";
import { inOrder, type Chat, type State } from "../store/store.ts";
import type { ConversationView, MessageView, Tick } from "./api.ts";

/** What of a conversation is not in the store. */
export interface Beside {
  /** A message written before there is a session is in conversation 0. */
  id: number;
  chat: Chat | undefined;
  own: OwnSession | undefined;
  isConnected: boolean;
  queued: readonly Queued[];
  loadingOlder: boolean;
  unreadFrom: number | null;
}

const views = new WeakMap<Message, MessageView>();

export function conversation(state: State, beside: Beside): ConversationView {
  const { id, chat, own, queued, isConnected, loadingOlder, unreadFrom } = beside;
  const stored = chat ? inOrder(chat).map((message) => messageView(message, state, chat)) : [];
  const keys = new Set(stored.map(({ key }) => key));
  const waiting = queued.filter(({ key }) => !keys.has(key)).map((one) => queuedView(one, state));
  const messages = [...stored, ...waiting];
  // The session that is connected is the newest word; of the others it is the list.
  const told = isConnected || !own ? (chat?.session ?? own) : own;
  const listed = own?.last_message ? messageView(own.last_message, state, chat) : null;
  return {
    id,
    status: told?.status ?? "open",
    assignee: told?.assignee ?? null,
    createdAt: told?.created_at ?? queued[0]?.at ?? new Date(0).toISOString(),
    messages,
    hasOlder: chat?.hasOlder ?? false,
    loadingOlder,
    typing: chat?.typing.map(({ id: who, name }) => ({ id: who, name })) ?? [],
    unread: chat?.isRead && (isConnected || !own) ? unread(chat, state) : Math.max(isReadTo(chat, own, state) ? 0 : (own?.unread_count ?? 0), chat ? unread(chat, state) : 0),
    lastMessage: newer(messages.at(-1) ?? null, listed),
    unreadFrom,
  };
}

/** A session has one client, which is another one on each device of a person. */
export const ownMark = (chat: Chat, { self }: State): Mark | undefined =>
  self?.type === "user" ? chat.marks.get(`user:${self.id}`) : [...chat.marks.values()].find(({ reader_type }) => reader_type === "client");

/** What waits to be sent is newer than all. */
const newer = (stored: MessageView | null, listed: MessageView | null): MessageView | null =>
  stored && (stored.seq ?? Infinity) >= (listed?.seq ?? 0) ? stored : (listed ?? stored);

/** Whether the list is older than what was read here. */
const isReadTo = (chat: Chat | undefined, own: OwnSession | undefined, state: State): boolean =>
  !!chat && (ownMark(chat, state)?.read_seq ?? 0) >= (own?.last_message?.seq ?? 0);

export function unread(chat: Chat, state: State, upTo = Infinity): number {
  const readSeq = ownMark(chat, state)?.read_seq ?? 0;
  const isUnread = (message: Message) => message.seq > readSeq && message.seq <= upTo && counts(message) && !isBy(message, state.self);
  return [...chat.messages.values()].filter(isUnread).length;
}

/** A line of the system is no news to anybody, nor is what was deleted. */
const counts = (message: Message): boolean => !message.is_deleted && message.sender_type !== "system";

/** Where the "new" line goes; null where nothing up to that seq is new. */
export const unreadFrom = (chat: Chat, state: State, upTo?: number): number | null =>
  unread(chat, state, upTo) > 0 ? (ownMark(chat, state)?.read_seq ?? 0) : null;

export function messageView(message: Message, state: State, chat: Chat | undefined): MessageView {
  const mine = isBy(message, state.self);
  const tick = mine && chat ? tickOf(message, chat, state) : null;
  const made = views.get(message);
  if (made && made.tick === tick) return made;
  const view: MessageView = {
    key: mine ? message.client_id : `m${message.id}`,
    id: message.id,
    seq: message.seq,
    mine,
    sender: { type: message.sender_type, id: message.sender_id ?? 0, name: message.sender_name ?? null },
    body: message.body,
    at: message.created_at,
    tick,
    error: null,
    isDeleted: message.is_deleted,
    editedAt: message.edited_at ?? null,
  };
  views.set(message, view);
  return view;
}

function tickOf(message: Message, chat: Chat, state: State): Tick {
  let tick: Tick = "sent";
  for (const mark of chat.marks.values()) {
    if (mark.reader_type === state.self?.type && mark.reader_id === state.self.id) continue;
    if (mark.read_seq >= message.seq) return "read";
    if (mark.delivered_seq >= message.seq) tick = "delivered";
  }
  return tick;
}

export function queuedView({ key, body, at, error }: Queued, state: State): MessageView {
  return {
    key,
    id: null,
    seq: null,
    mine: true,
    sender: { type: "client", id: state.self?.id ?? 0, name: state.self?.name ?? null },
    body,
    at,
    tick: error ? "failed" : "queued",
    error: error ?? null,
    isDeleted: false,
    editedAt: null,
  };
}
