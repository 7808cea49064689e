// The reducer of operators and users: what a visitor, who has one chat on a connection, does without. Lists of chats and
// their cursors follow "Many chats" of docs/protocol.md.
import type { ChatState, ServerFrame } from "../protocol/frames.ts";
import type { Mark, Message, MessagePage, Session } from "../protocol/schemas.ts";
import { changed, chatIn, keepMark, keepMessage, keepSession, reduce, takeState } from "./store.ts";
import type { Action, Chat, State } from "./store.ts";

export type ManyAction =
  | Action
  /** A session as REST lists it. */
  | { type: "session"; session: Session; seq?: number; marks?: Mark[]; lastMessage?: Message; isBanned?: boolean }
  | { type: "listed"; chat: ChatState }
  /** REST says that nothing was missed in a chat. */
  | { type: "level"; chat: number }
  /** What changed in a chat after its cursor, by REST. */
  | { type: "changes"; chat: number; generation: number; page: MessagePage };

/** Like {@link reduce}, for many chats. */
export function reduceMany(state: State, action: ManyAction): boolean {
  switch (action.type) {
    case "session":
      return takeSession(chatIn(state, action.session.session_id), action);
    case "listed":
      return takeListed(state, action.chat);
    case "level":
      chatIn(state, action.chat).follows = true;
      return false;
    case "changes":
      return takeChanges(chatIn(state, action.chat), action);
    case "frame": {
      const didChange = reduce(state, action);
      return takeFrame(state, action.frame) || didChange;
    }
    default:
      return reduce(state, action);
  }
}

function takeFrame(state: State, frame: ServerFrame): boolean {
  switch (frame.type) {
    case "connected":
      for (const listed of frame.data.chats) seenInList(chatIn(state, listed.chat_id), listed.seq);
      return true;
    case "subscribed": {
      takeState(state, frame.data);
      const chat = chatIn(state, frame.data.chat_id);
      chat.follows = true;
      chat.cursor = Math.max(frame.seq, chat.cursor ?? 0);
      return true;
    }
    case "unsubscribed": {
      const chat = chatIn(state, frame.session_id ?? frame.chat_id ?? 0);
      chat.follows = false;
      return changed(chat);
    }
    case "chat.session.desk":
      return keepDesk(chatIn(state, frame.data.session_id), frame.data);
    case "chat.member.added":
    case "chat.member.removed":
    case "chat.member.changed": {
      const chat = chatIn(state, frame.chat_id ?? frame.session_id ?? 0);
      chat.members.set(frame.data.user_id, frame.data);
      return changed(chat);
    }
    default:
      return false;
  }
}

function takeListed(state: State, listed: ChatState): boolean {
  takeState(state, listed);
  seenInList(chatIn(state, listed.chat_id), listed.seq);
  return true;
}

/** A list shows where a chat stands. What the cursor from before misses is to be fetched until the chat follows. */
function seenInList(chat: Chat, seq: number): void {
  if (chat.follows) return;
  if (chat.cursor === null) {
    chat.cursor = chat.live ?? seq;
    chat.isProvisional = chat.live === null;
    chat.follows = true;
  } else if (chat.cursor === seq) {
    chat.follows = true;
    if (chat.live !== null) chat.cursor = Math.max(seq, chat.live);
  }
}

function takeSession(chat: Chat, action: Extract<ManyAction, { type: "session" }>): boolean {
  keepSession(chat, action.session);
  for (const mark of action.marks ?? []) keepMark(chat, mark);
  if (action.isBanned !== undefined) chat.isBanned = action.isBanned;
  // Of a chat whose history is held, the stream brings it.
  if (action.lastMessage && !chat.isRead) keepMessage(chat, action.lastMessage);
  if (action.seq !== undefined) seenInList(chat, action.seq);
  return changed(chat);
}

function takeChanges(chat: Chat, { generation, page }: Extract<ManyAction, { type: "changes" }>): boolean {
  if (generation !== chat.generation || chat.cursor === null) return false;
  chat.cursor = Math.max(chat.cursor, page.seq);
  chat.follows ||= !page.has_more;
  for (const message of page.messages) keepMessage(chat, message);
  for (const mark of page.marks) keepMark(chat, mark);
  return changed(chat);
}

function keepDesk(chat: Chat, desk: { is_banned: boolean; desk_seq: number }): boolean {
  if (chat.deskSeq >= desk.desk_seq) return false;
  chat.deskSeq = desk.desk_seq;
  chat.isBanned = desk.is_banned;
  return changed(chat);
}
