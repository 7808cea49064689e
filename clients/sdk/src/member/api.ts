// The API for operators and users: many chats over one connection.
import type { ConnectionStatus } from "../connection/connection.ts";
import type { Mark, Member as ChatMember, Session, SessionPage, Visibility } from "../protocol/schemas.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import type { Call } from "../rest/http.ts";
import type { Self } from "../store/store.ts";
import type { KeyValueStorage, MessageView } from "../visitor/api.ts";

export interface MemberOptions {
  /** Base address of the server, such as `https://chat.example`. */
  url: string;
  /** `staff` sees the support sessions of its sites, `user` the chats that it is a member of. */
  kind: "staff" | "user";
  /** Gives a JWT, and a new one if `fresh`: the one before was refused or is old. */
  getToken: (fresh: boolean) => Promise<string>;
  /** Where the outbox is kept; in memory if left out. Use one for each account. */
  storage?: KeyValueStorage;
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
  messages: readonly MessageView[];
  lastMessage: MessageView | null;
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

export interface MemberClient {
  /** Immutable; a new object after each change, the same object without one. */
  snapshot(): MemberSnapshot;
  subscribe(listener: () => void): () => void;
  /** A new message of somebody else. */
  onMessage(listener: (message: MessageView, chat: number) => void): () => void;
  /** Every frame, for what the snapshot does not hold, such as `chat.page` and activity. */
  onFrame(listener: (frame: ServerFrame) => void): () => void;
  start(): void;
  /** Reads the history of a chat, and keeps it from now on. */
  open(chat: number): Promise<void>;
  loadOlder(chat: number): Promise<void>;
  /** A page of support sessions, newest first, taken into the snapshot. For `next_cursor` ask again. */
  loadSessions(filter?: Record<string, string | number>): Promise<SessionPage>;
  /** Returns the key of the message. */
  send(chat: number, body: string, more?: { visibility?: Visibility; metadata?: Record<string, unknown> }): string;
  retry(key: string): void;
  discard(key: string): void;
  /** A note's typing is for operators alone: say `staff`. */
  typing(chat: number, isTyping: boolean, visibility?: Visibility): void;
  /** The messages of the chat are on the screen. */
  read(chat: number): void;
  /** A call with the token, which is renewed once if it is refused. */
  call<T>(path: string, call?: Call): Promise<T>;
  destroy(): void;
}
