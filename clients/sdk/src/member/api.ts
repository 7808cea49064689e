// The API for operators and users: many chats over one connection.
import type { ConnectionStatus } from "../connection/connection.ts";
import type { Mark, Member as ChatMember, Session, SessionPage, Visibility } from "../protocol/schemas.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import type { Message } from "../protocol/schemas.ts";
import type { Call } from "../rest/http.ts";
import type { Self } from "../store/store.ts";
import type { KeyValueStorage, MessageView } from "../visitor/api.ts";
import type { Facts, ListedSession } from "./facts.ts";

export type { ContactCard, Facts, ListedSession } from "./facts.ts";

export interface MemberMessage extends MessageView {
  visibility: Visibility;
  /** The seq of its last change; 0 while it waits to be sent. */
  changedSeq: number;
}

export interface MemberOptions {
  /** Base address of the server, such as `https://chat.example`. */
  url: string;
  /** `staff` sees the support sessions of its sites, `user` the chats that it is a member of. */
  kind: "staff" | "user";
  /** Gives a JWT, and a new one if `fresh`: the one before was refused or is old. */
  getToken: (fresh: boolean) => Promise<string>;
  /** Where the outbox is kept; in memory if left out. Use one for each account. */
  storage?: KeyValueStorage;
  /** Who that is, where it is known before the first connection: unread counts need it. */
  self?: Self;
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
}

export interface ChatView {
  id: number;
  kind: "direct" | "group" | "channel" | "record" | "session";
  title: string | null;
  /** Of support sessions. */
  session: Session | null;
  isBanned: boolean;
  /** In order of seq, then the outbox. Without history unless the chat is open. */
  messages: readonly MemberMessage[];
  lastMessage: MemberMessage | null;
  /** What operators see of a session beside its state. */
  facts: Facts | null;
  isOpen: boolean;
  hasOlder: boolean;
  loadingOlder: boolean;
  typing: readonly { id: number; name: string | null; visibility: Visibility }[];
  unread: number;
  marks: readonly Mark[];
  members: readonly ChatMember[];
}

export interface MemberSnapshot {
  connection: ConnectionStatus;
  self: Self | null;
  /** By id; the order is the page's to choose. */
  chats: ReadonlyMap<number, ChatView>;
  /** The version of names and sites: a higher one is to be read at `/workspace?since=…`. */
  workspace: number | null;
}

/** What of a chat may be kept from one page load to the next. */
export interface KeptChat {
  session: ListedSession;
  messages: readonly Message[];
}

export interface MemberClient {
  /** Immutable; a new object after each change, the same object without one. */
  snapshot(): MemberSnapshot;
  subscribe(listener: () => void): () => void;
  /** A new message of somebody else. */
  onMessage(listener: (message: MemberMessage, chat: number) => void): () => void;
  /** The chats that changed, told together: cheaper than the snapshot where there are thousands. */
  onChats(listener: (chats: ReadonlySet<number>) => void): () => void;
  /** Every frame, for what the snapshot does not hold, such as `chat.page` and activity. */
  onFrame(listener: (frame: ServerFrame) => void): () => void;
  start(): void;
  /** One chat of the snapshot. */
  chat(chat: number): ChatView | null;
  connection(): ConnectionStatus;
  self(): Self | null;
  /** How many messages wait to be sent. */
  waiting(): number;
  /** Sessions as REST tells them, such as the answers of actions. */
  take(sessions: readonly ListedSession[]): void;
  /** What was kept from an earlier page load. What the server tells takes its place. */
  restore(chats: readonly KeptChat[]): void;
  /** Messages of a chat that were kept; its history is read anew when it is opened. */
  restoreMessages(chat: number, messages: readonly Message[]): void;
  /** What of a chat may be kept; null of one that cannot be read. */
  keep(chat: number): KeptChat | null;
  /** Chats that may not be read any more, or that are not what the server has. */
  forget(chats: readonly number[]): void;
  /** Reads the history of a chat, and keeps it from now on. */
  open(chat: number): Promise<void>;
  /** Nobody looks at the chat any more: of chats that were left long ago only the newest messages are held. */
  release(chat: number): void;
  loadOlder(chat: number): Promise<void>;
  /** A page of support sessions, newest first, taken into the snapshot. For `next_cursor` ask again. */
  loadSessions(filter?: Record<string, string | number>): Promise<SessionPage>;
  /** Returns the key of the message. */
  send(chat: number, body: string, more?: { visibility?: Visibility; metadata?: Record<string, unknown> }): string;
  retry(key: string): void;
  discard(key: string): void;
  /** A note's typing is for operators alone: say `staff`. */
  typing(chat: number, isTyping: boolean, visibility?: Visibility): void;
  /** Tells other operators who looks at a session. */
  viewing(chat: number, isViewing: boolean): void;
  /** The messages of the chat are on the screen. */
  read(chat: number): void;
  /** A call with the token, which is renewed once if it is refused. */
  call<T>(path: string, call?: Call): Promise<T>;
  destroy(): void;
}
