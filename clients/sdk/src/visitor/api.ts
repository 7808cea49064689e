// The API for visitors: what a page gives, what it gets to show, what it may do.
import type { ConnectionStatus } from "../connection/connection.ts";

export type { ConnectionStatus } from "../connection/connection.ts";
export type { ConnectionState } from "../connection/machine.ts";
export type { TransportName } from "../transport/transport.ts";

/** Where values are kept between page loads. The default is localStorage; memory where it throws. */
export interface KeyValueStorage {
  get(key: string): string | null;
  set(key: string, value: string): boolean;
  remove(key: string): void;
  /** The keys that begin so. Without it what waits to be sent is one value, which two tabs that write at once may overwrite. */
  keys?(prefix: string): string[];
}

export interface VisitorOptions {
  /** Base address of the server, such as `https://chat.example`. */
  url: string;
  /** The site's key. */
  site: string;
  storage?: KeyValueStorage;
  locale?: string;
  /** The address of the page that the visitor looks at. */
  pageUrl?: () => string | undefined;
  /** Gives a signed identity (JWT); null for nobody. Asked when needed. */
  identity?: () => Promise<string | null>;
  /** For tests and programs in Node. */
  fetch?: typeof fetch; WebSocket?: typeof WebSocket;
  /** Tabs share one connection by default, where Web Locks and BroadcastChannel exist. */
  tabs?: boolean;
}


export type Tick = "queued" | "sent" | "delivered" | "read" | "failed";

export interface MessageView {
  /** Stable from the outbox to the server's copy: the client_id, or `m<id>` for those of others. */
  key: string;
  id: number | null; seq: number | null;
  mine: boolean;
  sender: { type: "client" | "operator" | "user" | "bot" | "system"; id: number; name: string | null };
  body: string; at: string;
  tick: Tick | null;            // null for those of others
  error: { code: string; message: string } | null;
  isDeleted: boolean; editedAt: string | null;
}

export interface ConversationView {
  id: number;
  status: "open" | "pending" | "closed";
  assignee: { id: number; name: string } | null;
  createdAt: string;
  messages: readonly MessageView[];   // in order of seq, then the outbox
  hasOlder: boolean; loadingOlder: boolean;
  typing: readonly { id: number; name: string | null }[];
  unread: number;
  lastMessage: MessageView | null;
  /** The seq up to which this visitor had read when the conversation was opened: where the "new" line goes. */
  unreadFrom: number | null;
}

export interface SiteConfig {
  key: string; name: string; color: string | null; position: "right" | "left";
  languages: string[]; texts: Record<string, { title?: string; greeting?: string; away?: string }>;
  prechat: { name: "off" | "optional" | "required"; email: "off" | "optional" | "required" };
  identity: "optional" | "required";
  is_online: boolean; operators: { name: string }[];
}

export interface VisitorSnapshot {
  connection: ConnectionStatus;
  site: SiteConfig | null;
  /** Newest first; empty until the visitor speaks or has a session from before. */
  conversations: readonly ConversationView[];
  currentId: number | null;
  unread: number;
  /** Messages written before there is a session, or while it is being opened. They are in `current` of id 0. */
  opening: boolean;
  /** What stopped it all: a blocked origin, a bad key, identity required; or a `field` that the visitor has typed. */
  problem: { code: string; message: string; field?: string } | null;
  /** Whether this tab has the connection. One sound: only the leader's. */
  isLeader: boolean;
}

export interface Visitor {
  /** Immutable; a new object after each change, the same object without one. */
  snapshot(): VisitorSnapshot;
  subscribe(listener: () => void): () => void;
  /** Events that are no state: a new message of somebody else (for sounds). */
  onMessage(listener: (message: MessageView, conversationId: number) => void): () => void;
  /** Reads the site's configuration; no storage, no connection. Again at most every 30 s while called. */
  loadSite(): Promise<SiteConfig>;
  /** Comes back to what this browser has; connects only if there is a session. */
  start(): void;
  /** Shows a conversation (marks need it); null for a new one that begins with the next message. */
  select(conversationId: number | null): void;
  /** The conversation that is shown comes to the visitor's eyes, as when a panel opens: the line above what is new is set anew. */
  look(): void;
  send(body: string): void;                     // to the current conversation; opens a session if there is none
  retry(key: string): void; discard(key: string): void;
  typing(isTyping: boolean): void;
  /** The messages of the current conversation are on the screen: sends the read mark. */
  read(): void;
  loadOlder(): Promise<void>;
  /** Sessions of this browser or person from before. */
  loadConversations(): Promise<void>;
  /** Adds to what operators see beside the conversation, and changes what is there. It goes with the first message, if there is
   * no session yet. The server takes 8 KiB of `metadata`. Where the server refuses a field then, one that the `visitor` has typed
   * stops the opening and is named by `problem`, to be given anew; one of the `page` is left out, with a warning in the console. */
  setProfile(
    profile: { name?: string; email?: string; metadata?: Record<string, unknown> },
    by?: "page" | "visitor",
  ): Promise<void>;
  /** Another person, or nobody: what belonged to the person before is taken from this browser. */
  identify(identity: string | null): Promise<void>;
  page(url: string, title?: string): void;
  /** Takes everything of this browser away and closes. */
  forget(): void;
  /** Closes; storage stays. */
  destroy(): void;
}
