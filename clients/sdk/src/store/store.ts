// The one store: chats with their messages, marks, members and sessions, and the one reducer through which live frames,
// replay and REST pages come. It keeps the copy with the higher `changed_seq` or `state_seq`, whatever the order of
// arrival, so that each tab of a browser may apply the same actions for itself.
import { chatOf, type ChatState, type ConnectedFrame, type ServerFrame } from "../protocol/frames.ts";
import type { ChatKind, Mark, Member, Message, MessagePage, Session, Visibility } from "../protocol/schemas.ts";

export interface Typist {
  id: number;
  type: string;
  name: string | null;
  visibility: Visibility;
  /** Local time after which the name is taken away. */
  until: number;
}

export interface Chat {
  readonly id: number;
  kind: ChatKind;
  title: string | null;
  session: Session | null;
  /** The highest seq that came on the stream: where the next connection begins. */
  cursor: number | null;
  /** Frames move the cursor. Without it nothing has told what came before them on this connection. */
  follows: boolean;
  /** The cursor is a list's, and the first frame takes its place even if it is lower. */
  isProvisional: boolean;
  /** The highest seq that came on this connection. */
  live: number | null;
  /** The newest history was read: what is held has no gaps. */
  isRead: boolean;
  hasOlder: boolean;
  /** Raised when all was forgotten: what was asked before that is not taken in. */
  generation: number;
  readonly messages: Map<number, Message>;
  /** Changed messages from below what was read: a page that was asked for meanwhile may hold an older copy. */
  readonly strays: Map<number, Message>;
  readonly marks: Map<string, Mark>;
  readonly members: Map<number, Member>;
  typing: Typist[];
  isBanned: boolean;
  deskSeq: number;
  /** Raised at each change. */
  version: number;
}

export interface Self {
  type: "client" | "user";
  id: number;
  name: string | null;
  role: string;
}

export interface State {
  /** Of the database that the cursors are from; null before the first `connected`. */
  epoch: number | null;
  self: Self | null;
  readonly chats: Map<number, Chat>;
}

export type Action =
  /** From the stream. `at` is the local time, `named` are the chats whose cursors the connection was given. */
  | { type: "frame"; frame: ServerFrame; at: number; named?: readonly number[] }
  /** A page by REST: the newest messages, or older ones. */
  | { type: "page"; chat: number; generation: number; page: MessagePage; part: "newest" | "older" }
  /** The answer to what was sent. It does not move the cursor. */
  | { type: "message"; message: Message }
  | { type: "mark"; chat: number; mark: Mark }
  /** Typing that ended by time. */
  | { type: "time"; at: number }
  | { type: "forget"; chats: readonly number[] };

const TYPING_MS = 6_000;
const MAX_STRAYS = 200;

export const emptyState = (): State => ({ epoch: null, self: null, chats: new Map() });

export function chatIn(state: State, id: number): Chat {
  let chat = state.chats.get(id);
  if (!chat) {
    chat = {
      id,
      kind: "session",
      title: null,
      session: null,
      cursor: null,
      follows: false,
      isProvisional: false,
      live: null,
      isRead: false,
      hasOlder: false,
      generation: 0,
      messages: new Map(),
      strays: new Map(),
      marks: new Map(),
      members: new Map(),
      typing: [],
      isBanned: false,
      deskSeq: 0,
      version: 0,
    };
    state.chats.set(id, chat);
  }
  return chat;
}

/** Takes an action in; true when something that shows has changed. */
export function reduce(state: State, action: Action): boolean {
  switch (action.type) {
    case "frame":
      return takeFrame(state, action.frame, action.at, action.named ?? []);
    case "page":
      return takePage(chatIn(state, action.chat), action);
    case "message":
      return keepMessage(chatIn(state, action.message.chat_id), action.message);
    case "mark":
      return keepMark(chatIn(state, action.chat), action.mark);
    case "time":
      return [...state.chats.values()].map((chat) => stopTyping(chat, ({ until }) => until <= action.at)).includes(true);
    case "forget":
      return forget(state, action.chats);
  }
}

function takeFrame(state: State, frame: ServerFrame, at: number, named: readonly number[]): boolean {
  const id = chatOf(frame);
  switch (frame.type) {
    case "connected":
      return takeConnected(state, frame, named);
    case "resync":
      // Cursors were not honoured. What a visitor's `connected` has just told of its session stays.
      return forget(state, frame.chats.length > 0 ? frame.chats : [...state.chats.keys()], state.self?.type === "client");
    case "ack":
      return keepMessage(chatIn(state, frame.data.chat_id), frame.data);
    default:
      return id === undefined ? false : takeChatFrame(chatIn(state, id), frame, at);
  }
}

function takeChatFrame(chat: Chat, frame: ServerFrame, at: number): boolean {
  if ("seq" in frame && typeof frame.seq === "number") moveCursor(chat, frame.seq);
  switch (frame.type) {
    case "chat.message":
    case "chat.message.edited":
    case "chat.message.deleted":
    case "chat.message.pinned":
    case "chat.reaction": {
      const { sender_type, sender_id } = frame.data;
      stopTyping(chat, (typist) => typist.type === sender_type && typist.id === sender_id);
      return keepStreamed(chat, frame.data);
    }
    case "chat.session.created":
    case "chat.session.assigned":
    case "chat.session.status":
      return keepSession(chat, frame.data);
    case "chat.delivered":
    case "chat.read":
      return keepMark(chat, frame.data);
    case "chat.typing": {
      const { sender_id: who, sender_type: type, sender_name: name, is_typing: isTyping } = frame.data;
      chat.typing = chat.typing.filter((typist) => typist.type !== type || typist.id !== who);
      const visibility = frame.data.visibility ?? "public";
      if (isTyping) chat.typing.push({ id: who, type, name: name ?? null, visibility, until: at + TYPING_MS });
      return changed(chat);
    }
    default:
      return false;
  }
}

/** The highest seq on the stream, from where something has told what came before. */
function moveCursor(chat: Chat, seq: number): void {
  chat.live = Math.max(chat.live ?? 0, seq);
  if (!chat.follows || chat.cursor === null) return;
  chat.cursor = chat.isProvisional ? seq : Math.max(chat.cursor, seq);
  chat.isProvisional = false;
}

function takeConnected(state: State, frame: ConnectedFrame, named: readonly number[]): boolean {
  const { epoch, role, self_id: id, name, chats } = frame.data;
  if (state.epoch !== null && state.epoch !== epoch) forget(state, [...state.chats.keys()]);
  state.epoch = epoch;
  state.self = { type: role === "client" ? "client" : "user", id, name: name ?? null, role };
  for (const chat of state.chats.values()) {
    chat.follows = named.includes(chat.id) && chat.cursor !== null;
    chat.live = null;
    // A page that was asked for before this connection does not reach up to where it begins.
    if (chat.cursor === null) chat.generation++;
  }
  for (const listed of chats) {
    // A visitor's connection goes on from the `seq` of the frame. A cursor above it is of a history that is no more.
    if (frame.seq !== undefined && (state.chats.get(listed.chat_id)?.cursor ?? 0) > frame.seq) forget(state, [listed.chat_id]);
    if (frame.seq !== undefined) follow(chatIn(state, listed.chat_id), frame.seq);
    takeState(state, listed);
  }
  return true;
}

function follow(chat: Chat, from: number): void {
  // The cursor came by a page while the connection was opened without one: what lies between is not on the stream.
  if (chat.cursor !== null && chat.cursor < from) {
    chat.cursor = null;
    chat.isRead = false;
    chat.generation++;
  }
  chat.follows = true;
  chat.cursor ??= from;
}

/** A chat as a list shows it, on this connection. */
export function takeState(state: State, listed: ChatState): boolean {
  const chat = chatIn(state, listed.chat_id);
  chat.kind = listed.kind;
  chat.title = listed.title ?? null;
  if (listed.session) keepSession(chat, listed.session);
  for (const mark of listed.marks) keepMark(chat, mark);
  return changed(chat);
}

function takePage(chat: Chat, { generation, page, part }: Extract<Action, { type: "page" }>): boolean {
  if (generation !== chat.generation) return false;
  if (part === "newest") {
    // It was read meanwhile; an older page of the newest would reach below what is held.
    if (chat.isRead) return false;
    chat.generation++;
    const oldest = page.messages[0]?.seq ?? 0;
    // Between what was held before and this page something may be missing.
    if (page.has_more) for (const { id, seq } of chat.messages.values()) if (seq < oldest) chat.messages.delete(id);
    chat.isRead = true;
    chat.hasOlder = page.has_more;
    // After a resync there is no cursor: it goes on from the page's.
    if (chat.cursor === null) follow(chat, page.seq);
  }
  if (part === "older") chat.hasOlder = page.has_more;
  for (const message of page.messages) keepMessage(chat, newer(message, chat.strays.get(message.id)));
  for (const mark of page.marks) keepMark(chat, mark);
  return changed(chat);
}

export function keepMessage(chat: Chat, message: Message): boolean {
  const held = chat.messages.get(message.id);
  if (held && held.changed_seq >= message.changed_seq) return false;
  chat.messages.set(message.id, message);
  return changed(chat);
}

/** A message of the stream. One from below all that was read would leave a gap: history brings it when it is shown. */
function keepStreamed(chat: Chat, message: Message): boolean {
  const isBelow = chat.isRead && chat.hasOlder && !chat.messages.has(message.id) && message.seq < lowest(chat);
  if (!isBelow) return keepMessage(chat, message);
  chat.strays.set(message.id, newer(message, chat.strays.get(message.id)));
  if (chat.strays.size > MAX_STRAYS) chat.strays.delete(chat.strays.keys().next().value ?? 0);
  return false;
}

const newer = (one: Message, other: Message | undefined): Message =>
  other && other.changed_seq > one.changed_seq ? other : one;

function lowest(chat: Chat): number {
  let seq = Infinity;
  for (const message of chat.messages.values()) seq = Math.min(seq, message.seq);
  return seq;
}

export function keepSession(chat: Chat, session: Session): boolean {
  if (chat.session && chat.session.state_seq >= session.state_seq) return false;
  chat.session = session;
  return changed(chat);
}

export const markKey = (mark: Pick<Mark, "reader_type" | "reader_id">): string => `${mark.reader_type}:${mark.reader_id}`;

/** Marks only rise, each of the two for itself. */
export function keepMark(chat: Chat, mark: Mark): boolean {
  const key = markKey(mark);
  const held = chat.marks.get(key);
  const read_seq = Math.max(held?.read_seq ?? 0, mark.read_seq);
  const delivered_seq = Math.max(held?.delivered_seq ?? 0, mark.delivered_seq, read_seq);
  if (held && held.read_seq === read_seq && held.delivered_seq === delivered_seq) return false;
  chat.marks.set(key, { ...mark, read_seq, delivered_seq });
  return changed(chat);
}

function stopTyping(chat: Chat, isOver: (typist: Typist) => boolean): boolean {
  const left = chat.typing.filter((typist) => !isOver(typist));
  if (left.length === chat.typing.length) return false;
  chat.typing = left;
  return changed(chat);
}

function forget(state: State, chats: readonly number[], isTold = false): boolean {
  for (const id of chats) {
    const chat = state.chats.get(id);
    if (!chat) continue;
    chat.generation++;
    chat.cursor = null;
    chat.isRead = chat.hasOlder = false;
    for (const held of [chat.messages, chat.strays, chat.members]) held.clear();
    if (!isTold) {
      chat.session = null;
      chat.marks.clear();
    }
    changed(chat);
  }
  return chats.length > 0;
}

export function changed(chat: Chat): true {
  chat.version++;
  return true;
}

/** Messages in the order of display. */
export const inOrder = (chat: Chat): Message[] => [...chat.messages.values()].sort((a, b) => a.seq - b.seq);
