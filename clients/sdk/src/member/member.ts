// An operator or a user: many chats over one connection. What was missed comes by `resume` before what is new; chats that
// nothing was known of follow the rules of "Many chats" in docs/protocol.md.
import { Connection, type Credentials } from "../connection/connection.ts";
import { Requests, uuid } from "../connection/requests.ts";
import { Timers } from "../connection/timers.ts";
import { Outbox, type Queued } from "../outbox/outbox.ts";
import { asApiError } from "../protocol/api_error.ts";
import { chatOf, type ServerFrame } from "../protocol/frames.ts";
import type { Changes, ChatPage, MarkKind, Message, MessagePage, SessionPage, Visibility } from "../protocol/schemas.ts";
import { whole } from "../protocol/texts.ts";
import { http, query, type Call, type Http } from "../rest/http.ts";
import { Listeners } from "../store/listeners.ts";
import { lastOfOthers, Receipts } from "../store/receipts.ts";
import { reduceMany, type ManyAction } from "../store/many_chats.ts";
import { emptyState, inOrder, type Chat, type Self } from "../store/store.ts";
import type { Target } from "../transport/transport.ts";
import type { ConnectionStatus } from "../connection/connection.ts";
import { guarded } from "../visitor/keep.ts";
import { ownMark } from "../visitor/views.ts";
import type { ChatView, KeptChat, MemberClient, MemberMessage, MemberOptions, MemberSnapshot } from "./api.ts";
import { bounded } from "./bounds.ts";
import { type Facts, factsOf, type ListedSession, unreadOf, withFrame } from "./facts.ts";
import { chatsOf } from "./touched.ts";
import { memberMessage, queuedMessage } from "./views.ts";

const PAGE = 50;
/** Of `GET /chats`, and of cursors in a frame. */
const CHATS = 200;
const CURSORS = 1_000;
const TYPING_MS = 3_000;
const AGAIN_MS = 2_000;
/** Chats that were left lately keep their history. */
const RECENT = 20;

export function member(options: MemberOptions): MemberClient {
  return new MemberChats(options);
}

class MemberChats implements MemberClient {
  readonly #options: MemberOptions;
  readonly #http: Http;
  readonly #outbox: Outbox;
  readonly #connection: Connection;
  readonly #requests = new Requests();
  readonly #receipts = new Receipts((chat, kind, lastId) => this.#tellMark(chat, kind, lastId));
  readonly #timers = new Timers();
  readonly #listeners = new Listeners();
  readonly #messageListeners = new Listeners<[message: MemberMessage, chat: number]>();
  readonly #chatListeners = new Listeners<[chats: ReadonlySet<number>]>();
  readonly #frameListeners = new Listeners<[frame: ServerFrame]>();
  readonly #state = emptyState();
  readonly #open = new Set<number>();
  /** The last one was left last. */
  readonly #left = new Set<number>();
  readonly #facts = new Map<number, Facts>();
  #touched = new Set<number>();
  /** The versions that were told, and the chats with something in the outbox. */
  readonly #told = new Map<number, number>();
  #queued: readonly number[] = [];
  readonly #loadingOlder = new Set<number>();
  readonly #views = new Map<number, { from: unknown[]; view: ChatView }>();
  readonly #typedAt = new Map<string, number>();
  /** Chats whose marks may have to be told. */
  readonly #unmarked = new Set<number>();
  #ticket: { text: string; until: number } | null = null;
  #token: { text: string; receivedAt: number; lifetimeMs: number } | null = null;
  /** The chats whose cursors this connection was given. */
  #named: number[] = [];
  #workspace: number | null = null;
  #snapshot: MemberSnapshot | null = null;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#state.self = options.self ?? null;
    const fetcher = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.#http = http(options.url, fetcher);
    const storage = guarded(options.storage ?? { get: () => null, set: () => false, remove: () => undefined });
    this.#outbox = new Outbox(
      {
        load: () => JSON.parse(storage.get("outbox") ?? "[]") as Queued[],
        save: (list) => void storage.set("outbox", JSON.stringify(list)),
      },
      (queued) => this.#write(queued),
      () => this.#outboxChanged(),
    );
    this.#connection = new Connection(
      {
        credentials: (fresh) => this.#credentials(fresh),
        target: (token) => this.#target(token),
        frame: (frame) => this.#frame(frame),
        changed: () => this.#connectionChanged(),
      },
      { fetch: fetcher, WebSocket: options.WebSocket ?? globalThis.WebSocket },
    );
  }

  // --- what is shown ---------------------------------------------------------------------------------------------

  snapshot(): MemberSnapshot {
    return (this.#snapshot ??= {
      connection: this.#connection.status,
      self: this.#state.self,
      chats: new Map([...this.#state.chats.values()].map((chat) => [chat.id, this.#view(chat)])),
      workspace: this.#workspace,
    });
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  onMessage(listener: (message: MemberMessage, chat: number) => void): () => void {
    return this.#messageListeners.add(listener);
  }

  onChats(listener: (chats: ReadonlySet<number>) => void): () => void {
    return this.#chatListeners.add(listener);
  }

  chat(id: number): ChatView | null {
    const chat = this.#state.chats.get(id);
    return chat ? this.#view(chat) : null;
  }

  connection(): ConnectionStatus {
    return this.#connection.status;
  }

  self(): Self | null {
    return this.#state.self;
  }

  waiting(): number {
    return this.#outbox.list.length;
  }

  onFrame(listener: (frame: ServerFrame) => void): () => void {
    return this.#frameListeners.add(listener);
  }

  #view(chat: Chat): ChatView {
    const { id, kind, title, session, isBanned, hasOlder, isRead: isOpen } = chat;
    const queued = this.#outbox.list.filter((one) => one.chat === id);
    const loadingOlder = this.#loadingOlder.has(id);
    const facts = this.#facts.get(id) ?? null;
    const deps = [chat.version, loadingOlder, this.#state.self, facts, ...queued];
    const made = this.#views.get(id);
    if (made && made.from.length === deps.length && made.from.every((dep, index) => dep === deps[index])) return made.view;
    const stored = inOrder(chat).map((message) => memberMessage(message, this.#state, chat));
    const keys = new Set(stored.map(({ key }) => key));
    const waiting = queued.filter(({ key }) => !keys.has(key)).map((one) => queuedMessage(one, this.#state));
    const messages = [...stored, ...waiting];
    const view: ChatView = {
      id,
      kind,
      title,
      session,
      isBanned,
      hasOlder,
      isOpen,
      loadingOlder,
      messages,
      lastMessage: messages.at(-1) ?? null,
      facts,
      typing: chat.typing.map(({ id: who, name, visibility }) => ({ id: who, name, visibility })),
      unread: unreadOf(chat, facts ?? undefined, this.#state.self),
      marks: [...chat.marks.values()],
      members: [...chat.members.values()].filter((one) => one.is_active),
    };
    this.#views.set(id, { from: deps, view });
    return view;
  }

  #changed(chats: Iterable<number> = []): void {
    this.#snapshot = null;
    this.#listeners.tellSoon();
    const isDue = this.#touched.size > 0;
    for (const id of chats) this.#touched.add(id);
    if (!isDue && this.#touched.size > 0) queueMicrotask(() => this.#tellChats());
  }

  #tellChats(): void {
    const chats = this.#touched;
    this.#touched = new Set();
    for (const id of chats) this.#told.set(id, this.#state.chats.get(id)?.version ?? 0);
    this.#chatListeners.tell(chats);
  }

  #outboxChanged(): void {
    const before = this.#queued;
    this.#queued = this.#outbox.list.map(({ chat }) => chat);
    this.#changed([...before, ...this.#queued]);
  }

  // --- what a page asks ------------------------------------------------------------------------------------------

  start(): void {
    this.#outbox.load();
    this.#connection.start();
  }

  take(sessions: readonly ListedSession[]): void {
    for (const view of sessions) {
      const { seq, marks, last_message: lastMessage, is_banned: isBanned, ...session } = view;
      this.#facts.set(session.session_id, factsOf(view, this.#facts.get(session.session_id), this.#state.self));
      this.#dispatch({ type: "session", session, seq, marks, isBanned, ...(lastMessage ? { lastMessage } : {}) });
    }
    this.#fillGaps();
  }

  restore(chats: readonly KeptChat[]): void {
    for (const { session: view, messages } of chats) {
      const { marks, is_banned: isBanned, ...session } = view;
      if (this.#state.chats.get(session.session_id)?.session) continue;
      this.#facts.set(session.session_id, factsOf(view, undefined, this.#state.self));
      // Without a cursor: what is between then and now is not known.
      this.#dispatch({ type: "session", session, marks, isBanned });
      for (const message of messages) this.#dispatch({ type: "message", message });
    }
  }

  restoreMessages(id: number, messages: readonly Message[]): void {
    if (this.#state.chats.get(id)?.isRead) return;
    for (const message of messages) if (message.chat_id === id) this.#dispatch({ type: "message", message });
  }

  keep(id: number): KeptChat | null {
    const chat = this.#state.chats.get(id);
    const facts = this.#facts.get(id);
    if (!chat?.session || !facts) return null;
    const messages = inOrder(chat);
    const unread = unreadOf(chat, facts, this.#state.self);
    const session: ListedSession = {
      ...chat.session,
      seq: Math.max(chat.cursor ?? 0, facts.seq),
      marks: [...chat.marks.values()],
      is_banned: chat.isBanned,
      last_message: messages.at(-1) ?? null,
      metadata: facts.metadata,
      contact: facts.contact,
      client_last_seen_at: facts.clientSeenAt ?? chat.session.created_at,
      unread_count: unread,
      unread_counts: { client: 0, operator: unread },
      waiting_since: facts.waitingSince,
      changed_at: facts.changedAt,
    };
    return { session, messages };
  }

  forget(chats: readonly number[]): void {
    this.#dispatch({ type: "forget", chats });
  }

  release(id: number): void {
    this.#open.delete(id);
    this.#left.delete(id);
    this.#left.add(id);
    for (const old of [...this.#left].slice(0, -RECENT)) {
      this.#left.delete(old);
      this.#bound(old);
    }
  }

  #bound(id: number): void {
    const chat = this.#state.chats.get(id);
    if (!chat || this.#open.has(id) || this.#left.has(id)) return;
    const done = bounded(chat, this.#facts.get(id), this.#state.self);
    if (!done) return;
    if (done.facts) this.#facts.set(id, done.facts);
    this.#changed([id]);
  }

  async open(id: number): Promise<void> {
    this.#open.add(id);
    this.#left.delete(id);
    const chat = this.#state.chats.get(id);
    if (chat?.isRead) return;
    const generation = chat?.generation ?? 0;
    const page = await this.call<MessagePage>(query(`${this.#path(id)}/messages`, { limit: PAGE }));
    this.#dispatch({ type: "page", chat: id, generation, page, part: "newest" });
    // All was forgotten meanwhile.
    if (!this.#state.chats.get(id)?.isRead) await this.open(id);
  }

  async loadOlder(id: number): Promise<void> {
    const chat = this.#state.chats.get(id);
    const oldest = chat && inOrder(chat)[0];
    if (!oldest || !chat.hasOlder || this.#loadingOlder.has(id)) return;
    const { generation } = chat;
    this.#loadingOlder.add(id);
    this.#changed([id]);
    try {
      const path = query(`${this.#path(id)}/messages`, { limit: PAGE, before_id: oldest.id });
      this.#dispatch({ type: "page", chat: id, generation, page: await this.call<MessagePage>(path), part: "older" });
    } finally {
      this.#loadingOlder.delete(id);
      this.#changed([id]);
    }
  }

  async loadSessions(filter: Record<string, string | number> = {}): Promise<SessionPage> {
    const page = await this.call<SessionPage>(query("/chat/sessions", filter));
    this.take(page.sessions);
    return page;
  }

  send(chat: number, body: string, more: { visibility?: Visibility; metadata?: Record<string, unknown> } = {}): string {
    const key = uuid();
    this.#outbox.add({ key, chat, body: whole(body), at: new Date().toISOString(), ...more });
    this.#typedAt.clear();
    return key;
  }

  retry(key: string): void {
    this.#outbox.retry(key);
  }

  discard(key: string): void {
    this.#outbox.remove(key);
  }

  typing(chat: number, isTyping: boolean, visibility: Visibility = "public"): void {
    const what = `${chat} ${visibility}`;
    const last = this.#typedAt.get(what) ?? 0;
    const now = Date.now();
    if (isTyping ? Math.abs(now - last) < TYPING_MS : last === 0) return;
    this.#typedAt.set(what, isTyping ? now : 0);
    const note = visibility === "staff" ? { visibility } : {};
    this.#connection.send({ type: "typing", chat_id: chat, is_typing: isTyping, ...note });
  }

  viewing(chat: number, isViewing: boolean): void {
    const sign = { type: "viewing" as const, is_viewing: isViewing };
    if (this.#connection.send({ ...sign, session_id: chat }) || !this.#connection.isUp) return;
    this.call(`${this.#path(chat)}/signals`, { method: "POST", body: sign }).catch(() => undefined);
  }

  read(id: number): void {
    const chat = this.#state.chats.get(id);
    const { self } = this.#state;
    const last = chat && lastOfOthers(chat, self);
    if (!last || !self || (ownMark(chat, this.#state)?.read_seq ?? 0) >= last.seq) return;
    const mark = { reader_id: self.id, delivered_seq: last.seq, read_seq: last.seq, updated_at: new Date().toISOString() };
    this.#dispatch({ type: "mark", chat: id, mark: { ...mark, reader_type: "user" } });
    this.#markSoon(id);
  }

  async call<T>(path: string, call: Call = {}): Promise<T> {
    const run = async (fresh: boolean) => this.#http<T>(path, { ...call, token: await this.#accessToken(fresh) });
    return run(false).catch((cause: unknown) => {
      if (asApiError(cause).status === 401) return run(true);
      throw cause;
    });
  }

  destroy(): void {
    this.#connection.stop();
    this.#outbox.close();
    this.#requests.drop();
    this.#receipts.stop();
    this.#timers.clearAll();
    for (const listeners of [this.#listeners, this.#messageListeners, this.#chatListeners, this.#frameListeners]) listeners.clear();
  }

  #path(chat: number): string {
    const kind = this.#state.chats.get(chat)?.kind ?? (this.#options.kind === "staff" ? "session" : "group");
    return kind === "session" ? `/chat/session/${chat}` : `/chats/${chat}`;
  }

  // --- credentials -----------------------------------------------------------------------------------------------

  async #accessToken(fresh: boolean): Promise<string> {
    const held = this.#token;
    if (!fresh && held && Date.now() - held.receivedAt < held.lifetimeMs * 0.8) return held.text;
    const text = await this.#options.getToken(fresh || held !== null);
    this.#token = { text, receivedAt: Date.now(), lifetimeMs: lifetimeOf(text) };
    return text;
  }

  /** A ticket where there is one: it costs the server less. A token where it was refused, or is soon over. */
  async #credentials(fresh: boolean): Promise<Credentials> {
    const ticket = this.#ticket;
    this.#ticket = null;
    if (ticket && !fresh && ticket.until > Date.now()) return { token: ticket.text, lifetimeMs: ticket.until - Date.now() };
    const token = await this.#accessToken(fresh);
    const lifetimeMs = this.#token ? this.#token.receivedAt + this.#token.lifetimeMs - Date.now() : null;
    return { token, lifetimeMs };
  }

  #keepTicket(text: string | undefined): void {
    if (text && this.#token) this.#ticket = { text, until: this.#token.receivedAt + this.#token.lifetimeMs * 0.8 };
  }

  // --- the connection --------------------------------------------------------------------------------------------

  #cursors(): [number, number][] {
    return [...this.#state.chats.values()].flatMap(({ id, cursor }) => (cursor === null ? [] : [[id, cursor]]));
  }

  #target(token: string): Target {
    const named = this.#cursors();
    this.#named = [];
    const staff = this.#options.kind === "staff" ? { type: "staff" } : {};
    return {
      base: this.#options.url,
      query: { ...staff, access_token: token },
      resume: named.length > 0 ? { resume: "1" } : {},
      poll: () => {
        const cursors = this.#cursors().slice(0, CURSORS);
        this.#named = cursors.map(([id]) => id);
        const from = cursors.length > 0 ? { cursors: Object.fromEntries(cursors), epoch: this.#state.epoch ?? 1 } : {};
        return { ...staff, ...from };
      },
    };
  }

  #frame(frame: ServerFrame): void {
    this.#requests.frame(frame);
    if (frame.type === "connected") this.#connected(frame.data);
    if (frame.type === "authenticated") this.#keepTicket(frame.data?.resume_ticket);
    if (frame.type === "workspace.changed") {
      this.#workspace = Math.max(this.#workspace ?? 0, frame.data.version);
      this.#changed();
    }
    if (frame.type === "ping" || frame.type === "pong") return;
    this.#dispatch({ type: "frame", frame, at: Date.now(), named: this.#named });
    if (frame.type === "connected") {
      if (this.#state.self) this.#receipts.reset(frame.data.chats, this.#state.self);
      if (frame.data.more) void this.#listMore(frame.data.more);
      if (this.#connection.status.transport === "sse") void this.#catchUpByRest();
      this.#fillGaps();
    }
    if (frame.type === "connected" || frame.type === "resync") this.#readOpen();
    this.#frameListeners.tell(frame);
  }

  /** Names the cursors before anything else is said. */
  #connected(data: Extract<ServerFrame, { type: "connected" }>["data"]): void {
    this.#keepTicket(data.resume_ticket);
    this.#workspace = data.workspace ?? this.#workspace;
    if (this.#connection.status.transport !== "websocket") return;
    const all = this.#cursors();
    this.#named = all.map(([id]) => id);
    for (let from = 0; from < all.length; from += CURSORS) {
      const more = from + CURSORS < all.length ? { more: true as const } : {};
      const cursors = Object.fromEntries(all.slice(from, from + CURSORS));
      this.#connection.sendFirst({ type: "resume", epoch: this.#state.epoch ?? 1, cursors, ...more });
    }
  }

  #connectionChanged(): void {
    if (this.#connection.isUp) this.#outbox.open();
    else {
      this.#outbox.close();
      this.#requests.drop();
    }
    this.#changed();
  }

  /** The chats that did not fit into `connected`. */
  async #listMore(first: string): Promise<void> {
    for (let cursor: string | null = first; cursor !== null; ) {
      const page: ChatPage | null = await this.call<ChatPage>(query("/chats", { cursor, limit: CHATS })).catch(() => null);
      if (!page) {
        const rest = cursor;
        this.#timers.set("more", AGAIN_MS, () => void this.#listMore(rest));
        return;
      }
      for (const chat of page.chats) this.#dispatch({ type: "listed", chat });
      this.#fillGaps();
      cursor = page.next_cursor ?? null;
    }
  }

  /** A stream brings only what is new: what was missed is asked by REST. */
  async #catchUpByRest(): Promise<void> {
    const all = this.#cursors();
    try {
      for (let from = 0; from < all.length; from += CURSORS) {
        const cursors = Object.fromEntries(all.slice(from, from + CURSORS));
        const changes = await this.call<Changes>("/chats/changes", { method: "POST", body: { cursors } });
        const isForeign = changes.epoch !== this.#state.epoch;
        const lost = isForeign ? Object.keys(cursors).map(Number) : [...changes.ahead, ...changes.gone];
        if (lost.length > 0) this.#dispatch({ type: "forget", chats: lost });
        const missed = new Map(changes.chats.map(({ chat_id: id, seq }) => [id, seq]));
        for (const id of Object.keys(cursors).map(Number)) {
          if (missed.has(id)) await this.#readChanges(id);
          else this.#dispatch({ type: "level", chat: id });
        }
      }
      this.#readOpen();
    } catch {
      this.#timers.set("changes", AGAIN_MS, () => void this.#catchUpByRest());
    }
  }

  /** What changed in a chat after its cursor. */
  async #readChanges(id: number): Promise<void> {
    for (;;) {
      const chat = this.#state.chats.get(id);
      if (!chat || chat.cursor === null) return;
      const { generation, cursor } = chat;
      const page = await this.call<MessagePage>(query(`${this.#path(id)}/messages`, { after_seq: cursor, limit: CHATS }));
      this.#dispatch({ type: "changes", chat: id, generation, page });
      if (!page.has_more) return;
    }
  }

  /** Chats of which a list shows that something was missed. */
  #fillGaps(): void {
    for (const { id, cursor, follows } of this.#state.chats.values()) {
      if (cursor === null || follows) continue;
      const epoch = this.#state.epoch ?? 1;
      if (!this.#connection.sendFirst({ type: "subscribe", chat_id: id, after: cursor, epoch })) {
        this.#readChanges(id).catch(() => undefined);
      }
    }
  }

  /** Open chats whose history was forgotten. */
  #readOpen(): void {
    for (const id of this.#open) {
      if (this.#state.chats.get(id)?.isRead) continue;
      this.open(id).catch((cause: unknown) => {
        const { status } = asApiError(cause);
        // It may not be read any more.
        if (status === 403 || status === 404) this.#open.delete(id);
        else this.#timers.set("open", AGAIN_MS, () => this.#readOpen());
      });
    }
  }

  async #write({ chat, key, body, visibility, metadata }: Queued): Promise<Message> {
    const draft = { body, client_id: key, ...(visibility ? { visibility } : {}), ...(metadata ? { metadata } : {}) };
    const message = this.#connection.send({ type: "message", chat_id: chat, ...draft })
      ? await this.#requests.ask(key)
      : await this.call<Message>(`${this.#path(chat)}/messages`, { method: "POST", body: draft });
    this.#dispatch({ type: "message", message });
    return message;
  }

  async #tellMark(chat: number, kind: MarkKind, lastId: number): Promise<unknown> {
    const type = kind === "read" ? "read" : "ack";
    if (this.#connection.send({ type, chat_id: chat, last_id: lastId })) return;
    return this.call(`${this.#path(chat)}/marks`, { method: "POST", body: { kind, last_id: lastId } });
  }

  // --- actions ---------------------------------------------------------------------------------------------------

  #dispatch(action: ManyAction): void {
    const news = action.type === "frame" && action.frame.type === "chat.message" ? action.frame.data : null;
    const isNews = news && !this.#state.chats.get(news.chat_id)?.messages.has(news.id);
    const didChange = reduceMany(this.#state, action);
    if (action.type === "frame" && this.#options.kind === "staff") this.#noteFacts(action.frame);
    if (didChange) this.#changed(chatsOf(action, this.#state.chats, this.#told));
    if (action.type === "message") this.#outbox.remove(action.message.client_id);
    if (action.type === "frame" && action.frame.type === "chat.typing") {
      this.#timers.set("typing", 6_010, () => this.#dispatch({ type: "time", at: Date.now() }));
    }
    if (!news) return;
    this.#outbox.remove(news.client_id);
    this.#markSoon(news.chat_id);
    this.#bound(news.chat_id);
    const view = memberMessage(news, this.#state, this.#state.chats.get(news.chat_id));
    if (isNews && !view.mine) this.#messageListeners.tell(view, news.chat_id);
  }

  #noteFacts(frame: ServerFrame): void {
    const id = chatOf(frame);
    if (id === undefined) return;
    const before = this.#facts.get(id);
    const facts = withFrame(before, frame);
    if (facts && facts !== before) this.#facts.set(id, facts);
  }

  #markSoon(chat: number): void {
    this.#unmarked.add(chat);
    this.#receipts.soon(() => {
      const { self } = this.#state;
      if (!self || !this.#connection.isUp) return;
      for (const id of this.#unmarked) {
        const held = this.#state.chats.get(id);
        if (held) this.#receipts.tell(held, self);
      }
      this.#unmarked.clear();
    });
  }
}

/** The life of a JWT by the issuer's clock, of which only the difference counts. */
function lifetimeOf(token: string): number {
  try {
    const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const { iat, exp } = JSON.parse(atob(payload)) as { iat?: number; exp?: number };
    if (iat !== undefined && exp !== undefined && exp > iat) return (exp - iat) * 1_000;
  } catch {
    // A token that cannot be read shows its end by a refusal.
  }
  return 300_000;
}
