// A visitor's chat: puts sessions, connection, store, outbox and tabs together behind the API of `api.ts`.
//
// Every tab has the same store and applies the same actions; the leading tab alone is connected, and passes on what the
// stream says. Answers of REST go to all tabs from the one that asked.
import { backoff } from "../connection/backoff.ts";
import type { Connection, ConnectionStatus, Owner } from "../connection/connection.ts";
import { Requests, uuid } from "../connection/requests.ts";
import { Timers } from "../connection/timers.ts";
import { Outbox, type Change, type Queued } from "../outbox/outbox.ts";
import { asApiError, isPassing } from "../protocol/api_error.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import type { MarkKind, Message, MessagePage, OwnSession } from "../protocol/schemas.ts";
import { cut, webAddress, whole } from "../protocol/texts.ts";
import { http, query, type Http } from "../rest/http.ts";
import { Listeners } from "../store/listeners.ts";
import { lastOfOthers, Receipts } from "../store/receipts.ts";
import { emptyState, inOrder, reduce, type Action, type State } from "../store/store.ts";
import { Tabs } from "../tabs/tabs.ts";
import type { Target } from "../transport/transport.ts";
import type { ConversationView, MessageView, SiteConfig, Visitor, VisitorOptions, VisitorSnapshot } from "./api.ts";
import { browserStorage, guarded, Keep } from "./keep.ts";
import { Sessions } from "./sessions.ts";
import { conversation, messageView, ownMark, unreadFrom } from "./views.ts";

/** What is said on a socket, or by `signals` where there is none. */
type Signal = { type: "typing"; is_typing: boolean } | { type: "page"; url: string; title?: string };

/** What tabs say to each other. */
type Told =
  | { say: "hello"; from: string }
  | { say: "state"; to: string; state: State; status: ConnectionStatus; own: OwnSession[] }
  | { say: "action"; action: Action }
  | { say: "status"; status: ConnectionStatus }
  | { say: "outbox"; change: Change }
  | { say: "own"; own: OwnSession[] }
  | { say: "sessions"; attend: number }
  | { say: "signal"; signal: Signal }
  | { say: "gone"; id: number }
  | { say: "forget" };

type Problem = VisitorSnapshot["problem"];
type Profile = Parameters<Visitor["setProfile"]>[0];

/** Messages of a page; the number that is cached is chosen to be one page. */
const PAGE = 50;
const SITE_MS = 30_000;
const TYPING_MS = 3_000;
const CACHE_MS = 500;
const READ_AGAIN_MS = 2_000;
const OTHERS_MS = 15_000;
const OTHERS_SOON_MS = 2_000;
const OTHERS_CLOSED_MS = 60_000;
const REPLACE_MS = 60_000;
const LEADER_MS = 1_500;
const MAX_URL = 2_048;
const MAX_TITLE = 200;
/** The second part comes when the first is on the screen. */
const LATER_MS = 300;
const OFF: ConnectionStatus = { state: "idle", transport: null, downSince: null, retryAt: null, closed: null };

const later = () => import("./later.ts");

export function visitor(options: VisitorOptions): Visitor {
  return new VisitorClient(options);
}

class VisitorClient implements Visitor {
  readonly #options: VisitorOptions;
  readonly #http: Http;
  readonly #keep: Keep;
  readonly #sessions: Sessions;
  readonly #outbox: Outbox;
  readonly #fetch: typeof fetch;
  readonly #tabs: Tabs<Told>;
  readonly #requests = new Requests();
  readonly #receipts = new Receipts((chat, kind, lastId) => this.#tellMark(chat, kind, lastId));
  readonly #tab = uuid();
  readonly #listeners = new Listeners();
  readonly #messageListeners = new Listeners<[message: MessageView, conversationId: number]>();
  readonly #timers = new Timers();
  readonly #loadingOlder = new Set<number>();
  readonly #unreadFrom = new Map<number, number | null>();
  readonly #views = new Map<number, { from: unknown[]; view: ConversationView }>();

  /** Of the leader; null before there was something to connect to. */
  #connection: Connection | null = null;
  /** Since when the connection's code is awaited. */
  #awaitedSince: number | null = null;
  #state = emptyState();
  #own = new Map<number, OwnSession>();
  /** The conversation on the screen; undefined before anything was chosen. */
  #selected: number | null | undefined;
  /** The session that the leader is connected to. */
  #attended: number | null = null;
  #leaderStatus = OFF;
  #site: { config: SiteConfig | null; at: number; loading: Promise<SiteConfig> | null } = { config: null, at: 0, loading: null };
  #problem: Problem = null;
  #isOpening = false;
  #openFailures = 0;
  #profile: Profile = {};
  /** The fields of the profile that the visitor has typed. */
  readonly #typed = new Set<string>();
  #identity: string | null = null;
  #page: Signal | null = null;
  #typedAt = 0;
  #snapshot: VisitorSnapshot | null = null;
  #unlisten: (() => void) | null = null;
  #isDestroyed = false;

  constructor(options: VisitorOptions) {
    this.#options = options;
    // A page may replace fetch later, and a bare reference loses its window.
    const fetcher = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    const { host, pathname } = new URL(options.url);
    const name = `switchboard:${host}${pathname.replace(/\/+$/, "")}:${options.site}`;
    this.#http = http(options.url, fetcher);
    this.#keep = new Keep(guarded(options.storage ?? browserStorage), `${name}:`);
    this.#sessions = new Sessions(this.#http, this.#keep, {
      site: options.site,
      // A page's function gives a fresh one.
      identity: async () => (await options.identity?.()) ?? this.#identity,
      gone: (id) => {
        this.#tabs.post({ say: "gone", id });
        this.#gone(id);
      },
    });
    this.#outbox = new Outbox(
      { load: () => this.#keep.outbox(), save: (list) => this.#keep.saveOutbox(list) },
      (queued) => this.#write(queued),
      () => this.#changed(),
      (change) => this.#tabs.post({ say: "outbox", change }),
    );
    this.#tabs = new Tabs(name, options.tabs ?? typeof document !== "undefined", {
      message: (told) => this.#hear(told),
      lead: () => this.#lead(),
      lost: () => this.#lost(),
    });
    this.#fetch = fetcher;
    if (typeof document !== "undefined") this.#timers.set("later", LATER_MS, () => void later().catch(() => undefined));
  }

  // --- what is shown ---------------------------------------------------------------------------------------------

  snapshot(): VisitorSnapshot {
    return (this.#snapshot ??= this.#look());
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  onMessage(listener: (message: MessageView, conversationId: number) => void): () => void {
    return this.#messageListeners.add(listener);
  }

  #look(): VisitorSnapshot {
    const conversations = this.#ids().map((id) => this.#view(id));
    return {
      connection: this.#status,
      site: this.#site.config,
      conversations,
      currentId: this.#current,
      unread: conversations.reduce((sum, { unread }) => sum + unread, 0),
      opening: this.#isOpening,
      problem: this.#problem,
      isLeader: this.#tabs.isLeader,
    };
  }

  /** Newest first; 0 is one that is being opened. */
  #ids(): number[] {
    const ids = this.#sessions.ids;
    return this.#outbox.list.some(({ chat }) => chat === 0) ? [0, ...ids] : ids;
  }

  get #status(): ConnectionStatus {
    if (!this.#tabs.isLeader) return this.#leaderStatus;
    if (this.#awaitedSince === null) return this.#connection?.status ?? OFF;
    return { ...OFF, state: "connecting", downSince: this.#awaitedSince };
  }

  get #current(): number | null {
    if (this.#selected === undefined) return this.#ids()[0] ?? null;
    return this.#selected === null && this.#ids()[0] === 0 ? 0 : this.#selected;
  }

  #view(id: number): ConversationView {
    const chat = this.#state.chats.get(id);
    const own = this.#own.get(id);
    const loadingOlder = this.#loadingOlder.has(id);
    const isConnected = id === this.#attended;
    const from = this.#unreadFrom.get(id) ?? null;
    const deps = [chat, chat?.version, own, loadingOlder, isConnected, from, this.#outbox.list, this.#state.self];
    const made = this.#views.get(id);
    if (made && made.from.every((dep, index) => dep === deps[index])) return made.view;
    const queued = this.#outbox.list.filter((one) => one.chat === id);
    const view = conversation(this.#state, { id, chat, own, queued, isConnected, loadingOlder, unreadFrom: from });
    this.#views.set(id, { from: deps, view });
    return view;
  }

  #changed(): void {
    this.#snapshot = null;
    this.#listeners.tellSoon();
  }

  // --- what a page asks ------------------------------------------------------------------------------------------

  loadSite(): Promise<SiteConfig> {
    const { config, at, loading } = this.#site;
    if (loading) return loading;
    if (config && Math.abs(Date.now() - at) < SITE_MS) return Promise.resolve(config);
    const asked = this.#http<SiteConfig>(`/chat/sites/${encodeURIComponent(this.#options.site)}`);
    this.#site.loading = asked;
    asked
      .then((read) => {
        this.#site = { config: read, at: Date.now(), loading: null };
        if (this.#problem?.code !== "identity_required") this.#problem = null;
      })
      .catch((cause: unknown) => {
        const { code, message, status } = asApiError(cause);
        this.#site.loading = null;
        if (status === 403 || status === 404) this.#problem = { code, message };
      })
      .finally(() => this.#changed());
    return asked;
  }

  start(): void {
    this.#isDestroyed = false;
    this.#unlisten ??= this.#listen();
    this.#sessions.reload();
    if (this.#sessions.newest !== null) {
      if (this.#state.chats.size === 0) this.#keep.restore(this.#state);
      this.#outbox.load();
      this.#tabs.join();
      this.#hello();
      if (this.#tabs.isLeader && this.#status.state === "closed") void this.#connect();
    } else {
      this.#tabs.listen();
      this.#outbox.load();
    }
    this.#openWaiting();
    this.#noteUnread();
    this.#changed();
  }

  select(conversationId: number | null): void {
    this.#selected = conversationId;
    if (conversationId !== null && conversationId !== 0) {
      this.#unreadFrom.delete(conversationId);
      this.#attend(conversationId);
    }
    this.#noteUnread();
    this.#changed();
  }

  look(): void {
    this.#unreadFrom.delete(this.#current ?? 0);
    this.#noteUnread();
    this.#changed();
  }

  send(body: string): void {
    const chat = this.#current ?? 0;
    const queued: Queued = { key: uuid(), chat, body: whole(body), at: new Date().toISOString() };
    if (this.#outbox.list.length === 0) this.#outbox.load();
    if (!this.#outbox.add(queued)) return;
    if (chat === 0) void this.#open();
    else this.#attend(chat);
    this.#hello();
    this.#typedAt = 0;
  }

  retry(key: string): void {
    this.#outbox.retry(key);
    if (this.#outbox.list.some((queued) => queued.key === key && queued.chat === 0)) void this.#open();
    else if (this.#current) this.#attend(this.#current);
  }

  discard(key: string): void {
    this.#outbox.remove(key);
  }

  typing(isTyping: boolean): void {
    const now = Date.now();
    if (!this.#current || (isTyping ? Math.abs(now - this.#typedAt) < TYPING_MS : this.#typedAt === 0)) return;
    this.#typedAt = isTyping ? now : 0;
    this.#signal({ type: "typing", is_typing: isTyping });
  }

  read(): void {
    const chat = this.#state.chats.get(this.#current ?? 0);
    const last = chat && lastOfOthers(chat, this.#state.self);
    const id = this.#state.self?.id;
    if (!last || id === undefined || (ownMark(chat, this.#state)?.read_seq ?? 0) >= last.seq) return;
    const mark = { reader_id: id, delivered_seq: last.seq, read_seq: last.seq, updated_at: new Date().toISOString() };
    this.#dispatch({ type: "mark", chat: chat.id, mark: { ...mark, reader_type: "client" } });
  }

  async loadOlder(): Promise<void> {
    const chat = this.#state.chats.get(this.#current ?? 0);
    const oldest = chat && inOrder(chat)[0];
    if (!oldest || !chat.hasOlder || this.#loadingOlder.has(chat.id)) return;
    const { id, generation } = chat;
    this.#loadingOlder.add(id);
    this.#changed();
    try {
      const page = await this.#sessions.call<MessagePage>(id, query("/messages", { limit: PAGE, before_id: oldest.id }));
      this.#dispatch({ type: "page", chat: id, generation, page, part: "older" });
    } finally {
      this.#loadingOlder.delete(id);
      this.#changed();
    }
  }

  async loadConversations(): Promise<void> {
    const own = await this.#sessions.list();
    this.#tabs.post({ say: "own", own });
    this.#takeOwn(own);
  }

  async setProfile(profile: Profile, by?: "page" | "visitor"): Promise<void> {
    for (const field in profile) this.#typed[by === "visitor" ? "add" : "delete"](field);
    this.#sessions.reload();
    // The server puts what it gets in the place of what it had: another page may have said the rest.
    const metadata = { ...this.#sessions.device.metadata, ...this.#profile.metadata, ...profile.metadata };
    const { name, email } = profile;
    // Apart: of a signed visitor the server takes no other name.
    const parts = [{ name, email }, profile.metadata ? { metadata } : {}];
    Object.assign((this.#profile = { ...this.#profile, ...profile }), parts[1]);
    const id = this.#current || this.#sessions.newest;
    if (!id) return;
    if (profile.metadata) this.#sessions.tell({ metadata });
    const given = parts.filter((part) => Object.values(part).some((value) => value !== undefined));
    await Promise.all(given.map((body) => this.#sessions.call(id, "/client", { method: "PATCH", body })));
  }

  async identify(identity: string | null): Promise<void> {
    this.#identity = identity;
    if (identity === null) {
      // At once: the page may be on its way to another one.
      this.#sessions.reload();
      if (this.#sessions.device.person !== null) this.forget();
      return;
    }
    const { identified } = await later();
    const who = await identified(this.#sessions, identity);
    if (who === "other") this.forget();
    this.#identity = identity;
    const isNewHere = this.#sessions.newest === null;
    if (!isNewHere && who !== "proved") return;
    await this.loadConversations().catch(() => undefined);
    // What the person has said elsewhere goes on here.
    if (isNewHere && this.#sessions.newest !== null && this.#unlisten && this.#identity === identity) this.start();
  }

  page(url: string, title?: string): void {
    const address = webAddress(url, MAX_URL);
    if (!address) return;
    this.#page = { type: "page", url: address, ...(title ? { title: cut(title, MAX_TITLE) } : {}) };
    if (this.#sessions.newest !== null) this.#signal(this.#page);
  }

  forget(): void {
    this.#tabs.post({ say: "forget" });
    this.#forgetHere();
  }

  destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#rest();
    this.#unlisten?.();
    this.#unlisten = null;
    this.#listeners.clear();
    this.#messageListeners.clear();
  }

  // --- sessions --------------------------------------------------------------------------------------------------

  /** Opens a session for what was written without one. One tab does it, though two begin at the same moment. */
  async #open(): Promise<void> {
    if (this.#isOpening) return;
    this.#isOpening = true;
    const known = this.#sessions.ids;
    const profile = this.#profile;
    // A session that an earlier try has opened has what was known then.
    const isAgain = this.#keep.opening() !== null;
    this.#tabs.listen();
    this.#changed();
    try {
      const id = await this.#tabs.alone("open", async () => {
        this.#sessions.reload();
        return this.#sessions.ids.find((one) => !known.includes(one)) ?? (await this.#openAlone());
      });
      this.#openFailures = 0;
      this.#problem = null;
      this.#isOpening = false;
      this.#adopt(id);
      if (isAgain || this.#profile !== profile) void this.setProfile(this.#profile).catch(() => undefined);
    } catch (cause) {
      this.#openFailed(asApiError(cause));
    }
    this.#changed();
  }

  /** Opens a session if something waits for one, also for want of the session that it was written to. */
  #openWaiting(): boolean {
    const ids = this.#sessions.ids;
    for (const { chat } of this.#outbox.list) if (chat && !ids.includes(chat)) this.#outbox.assign(chat, 0);
    const waits = this.#outbox.list.some(({ chat, error }) => chat === 0 && !error);
    if (waits) void this.#open();
    return waits;
  }

  /** This browser has a session no more. One is opened in its place if something waits, once in a minute at most. */
  #gone(id: number): void {
    this.#sessions.drop(id);
    this.#state.chats.delete(id);
    this.#outbox.assign(id, 0);
    this.#cache();
    if (this.#selected === id) this.#selected = undefined;
    if (this.#attended === id) {
      this.#attended = null;
      this.#connection?.stop();
      if (this.#tabs.isLeader) this.#lead();
    }
    this.#replace(0);
    this.#changed();
  }

  #replace(ms: number): void {
    this.#timers.setOnce("gone", ms, () => {
      if (!this.#isDestroyed && this.#openWaiting()) this.#replace(REPLACE_MS);
    });
  }

  async #openAlone(): Promise<number> {
    const { openSession } = await later();
    return openSession(this.#sessions, this.#options, this.#profile, this.#identity, this.#typed);
  }

  #openFailed(error: ReturnType<typeof asApiError>): void {
    if (isPassing(error.code) && error.status !== 401 && !this.#isDestroyed) {
      const ms = Math.max(error.retryAfterMs, backoff(this.#openFailures++, Math.random()));
      this.#timers.set("open", ms, () => {
        this.#isOpening = false;
        void this.#open();
      });
      return;
    }
    this.#isOpening = false;
    const isIdentity = error.details.identity === "required" || error.status === 401;
    const { field } = error.details;
    const of = typeof field === "string" ? { field } : {};
    this.#problem = { code: isIdentity ? "identity_required" : error.code, message: error.message, ...of };
    for (const { key, chat } of this.#outbox.list) if (chat === 0) this.#outbox.fail(key, error);
  }

  /** A session was opened, here or in another tab. */
  #adopt(id: number): void {
    if (!this.#selected) this.#selected = id;
    this.#unreadFrom.set(id, null);
    this.#outbox.assign(0, id);
    this.#tabs.post({ say: "sessions", attend: id });
    this.#attend(id);
  }

  /** The leader is to be connected to this session. */
  #attend(id: number): void {
    if (!this.#sessions.ids.includes(id)) return;
    this.#tabs.join();
    if (!this.#tabs.isLeader) {
      this.#tabs.post({ say: "sessions", attend: id });
      this.#attended = id;
      return;
    }
    const { state } = this.#status;
    if (this.#attended !== id) {
      this.#attended = id;
      this.#connection?.stop();
      void this.#connect();
    } else if (state === "idle" || state === "closed") void this.#connect();
  }

  #takeOwn(own: readonly OwnSession[]): void {
    this.#sessions.reload();
    for (const session of own) {
      const { session_id: id, last_message: last, unread_count } = session;
      const before = this.#own.get(id);
      this.#own.set(id, session);
      if (!before || !last || id === this.#attended || unread_count <= before.unread_count) continue;
      const view = messageView(last, this.#state, this.#state.chats.get(id));
      if (!view.mine) this.#messageListeners.tell(view, id);
    }
    this.#changed();
  }

  #forgetHere(): void {
    this.#connection?.stop();
    this.#outbox.close();
    for (const { key } of this.#outbox.list) this.#outbox.apply({ remove: key });
    this.#receipts.stop();
    this.#timers.clearAll();
    this.#sessions.forget();
    this.#state = emptyState();
    this.#own.clear();
    this.#views.clear();
    this.#unreadFrom.clear();
    this.#selected = undefined;
    this.#attended = null;
    this.#isOpening = false;
    this.#identity = null;
    this.#profile = {};
    this.#problem = null;
    this.#changed();
  }

  // --- the connection, in the leading tab ------------------------------------------------------------------------

  #lost(): void {
    this.#connection?.stop();
    this.#outbox.close();
    this.#requests.drop();
    this.#changed();
  }

  #lead(): void {
    this.#timers.clear("leader");
    this.#sessions.reload();
    this.#outbox.load();
    this.#attended = this.#selected || this.#attended || this.#sessions.newest;
    if (this.#attended !== null) void this.#connect();
    this.#changed();
  }

  async #connect(): Promise<void> {
    if (!this.#connection) {
      this.#awaitedSince ??= Date.now();
      this.#changed();
      const code = await later().catch(() => null);
      if (this.#isDestroyed || !this.#tabs.isLeader) return;
      if (!code) {
        this.#timers.set("connect", READ_AGAIN_MS, () => void this.#connect());
        return;
      }
      const { WebSocket = globalThis.WebSocket } = this.#options;
      this.#connection ??= new code.Connection(this.#owner(), { fetch: this.#fetch, WebSocket });
      this.#awaitedSince = null;
    }
    this.#connection.start(this.#sessions.patienceMs(this.#attended ?? 0));
  }

  #owner(): Owner {
    return {
      credentials: (fresh) => this.#sessions.credentials(this.#attended ?? 0, fresh),
      target: (token) => this.#target(token),
      frame: (frame) => this.#frame(frame),
      changed: () => this.#connectionChanged(),
    };
  }

  #target(token: string): Target {
    const id = this.#attended ?? 0;
    const cursor = () => this.#state.chats.get(id)?.cursor ?? null;
    const seq = cursor();
    const { epoch } = this.#state;
    return {
      base: this.#options.url,
      query: { session: String(id), token },
      resume: seq === null || epoch === null ? {} : { after: `${epoch}:${seq}` },
      poll: () => {
        const now = cursor();
        const from = now === null || this.#state.epoch === null ? {} : { cursors: { [id]: now }, epoch: this.#state.epoch };
        return { session_id: id, ...from };
      },
    };
  }

  #frame(frame: ServerFrame): void {
    this.#requests.frame(frame);
    if (frame.type === "ping" || frame.type === "pong" || frame.type === "authenticated") return;
    this.#dispatch({ type: "frame", frame, at: Date.now() });
    if (frame.type === "connected") {
      if (this.#state.self) this.#receipts.reset(frame.data.chats, this.#state.self);
    }
    if (frame.type === "connected" || frame.type === "resync") void this.#readNewest();
  }

  #connectionChanged(): void {
    const status = this.#status;
    if (this.#connection?.isUp) this.#outbox.open();
    else {
      this.#outbox.close();
      this.#requests.drop();
    }
    if (status.state === "live") {
      if (this.#page) this.#signal(this.#page);
      // Thousands may come back at once.
      this.#timers.set("others", Math.random() * OTHERS_SOON_MS, () => void this.#lookAtOthers());
    }
    // Whose right to write was taken is told so at each message.
    if (status.state === "closed" && (status.closed?.code === 4500 || status.closed?.code === 4501)) {
      const error = { code: "forbidden", message: status.closed.reason };
      for (const { key } of this.#outbox.list) this.#outbox.fail(key, error);
    }
    this.#tabs.post({ say: "status", status });
    this.#changed();
  }

  /** The newest history, where none was read yet or all was forgotten. `upTo` is the seq at which the connection began: what
   * comes later was not there when the conversation was opened. */
  async #readNewest(upTo?: number): Promise<void> {
    const id = this.#attended;
    const chat = id === null ? undefined : this.#state.chats.get(id);
    if (!chat || chat.isRead || this.#isDestroyed) return;
    const { generation } = chat;
    const seq = upTo ?? chat.cursor ?? undefined;
    const again = () => this.#timers.set("newest", READ_AGAIN_MS, () => void this.#readNewest(id === this.#attended ? seq : undefined));
    try {
      const page = await this.#sessions.call<MessagePage>(chat.id, query("/messages", { limit: PAGE }));
      this.#dispatch({ type: "page", chat: chat.id, generation, page, part: "newest" });
      if (chat.id === this.#current) this.#noteUnread(seq);
    } catch {
      if (this.#tabs.isLeader) again();
    }
  }

  /** Sends one message of the outbox, by the socket or by REST. */
  async #write({ chat, key, body }: Queued): Promise<Message> {
    const frame = { type: "message", session_id: chat, body, client_id: key } as const;
    const asked =
      chat === this.#attended && this.#connection?.send(frame)
        ? this.#requests.ask(key)
        : this.#sessions.call<Message>(chat, "/messages", { method: "POST", body: { body, client_id: key } });
    const message = await asked.catch(async (cause: unknown) => {
      // The session may be gone: its secret tells.
      if (asApiError(cause).code === "not_found") await this.#sessions.credentials(chat, true);
      throw cause;
    });
    this.#dispatch({ type: "message", message });
    return message;
  }

  async #tellMark(chat: number, kind: MarkKind, lastId: number): Promise<unknown> {
    const type = kind === "read" ? "read" : "ack";
    if (this.#connection?.send({ type, session_id: chat, last_id: lastId })) return;
    const body = { kind, last_id: lastId };
    return this.#sessions.call(chat, "/marks", { method: "POST", body });
  }

  #signal(signal: Signal): void {
    if (!this.#tabs.isLeader) {
      this.#tabs.post({ say: "signal", signal });
      return;
    }
    const id = this.#attended;
    if (id === null || this.#connection?.send({ ...signal, session_id: id })) return;
    if (this.#status.state !== "live") return;
    this.#sessions.call(id, "/signals", { method: "POST", body: signal }).catch(() => undefined);
  }

  /** Conversations that are not connected are looked at now and then, also for those that a person has begun elsewhere. */
  async #lookAtOthers(): Promise<void> {
    const { ids, device } = this.#sessions;
    if (this.#status.state !== "live" || (ids.length < 2 && device.person === null)) return;
    await this.loadConversations().catch(() => undefined);
    if (this.#status.state !== "live") return;
    const isAnyOpen = [...this.#own.values()].some(({ session_id: id, status }) => id !== this.#attended && status !== "closed");
    this.#timers.set("others", isAnyOpen ? OTHERS_MS : OTHERS_CLOSED_MS, () => void this.#lookAtOthers());
  }

  // --- actions ---------------------------------------------------------------------------------------------------

  #dispatch(action: Action): void {
    this.#tabs.post({ say: "action", action });
    this.#apply(action);
    if (!this.#tabs.isLeader) return;
    this.#timers.setOnce("cache", CACHE_MS, () => this.#cache());
    this.#receipts.soon(() => this.#tellMarks());
  }

  #apply(action: Action): void {
    const news = action.type === "frame" && action.frame.type === "chat.message" ? action.frame.data : null;
    const isNews = news && !this.#state.chats.get(news.chat_id)?.messages.has(news.id);
    const didChange = reduce(this.#state, action);
    for (const message of messagesIn(action)) this.#outbox.remove(message.client_id);
    this.#expireTyping();
    if (didChange) this.#changed();
    if (!news || !isNews) return;
    const view = messageView(news, this.#state, this.#state.chats.get(news.chat_id));
    if (!view.mine) this.#messageListeners.tell(view, news.chat_id);
  }

  #tellMarks(): void {
    const chat = this.#state.chats.get(this.#attended ?? 0);
    if (chat && this.#state.self && this.#connection?.isUp) this.#receipts.tell(chat, this.#state.self);
  }

  #expireTyping(): void {
    const ends = [...this.#state.chats.values()].flatMap(({ typing }) => typing.map(({ until }) => until));
    if (ends.length === 0) return;
    const ms = Math.max(Math.min(...ends) - Date.now(), 0) + 10;
    this.#timers.set("typing", ms, () => this.#apply({ type: "time", at: Date.now() }));
  }

  /** The place of the "new" line is that of the moment in which the conversation was opened. */
  #noteUnread(upTo?: number): void {
    const chat = this.#state.chats.get(this.#current ?? 0);
    if (!chat?.isRead || this.#unreadFrom.has(chat.id)) return;
    this.#unreadFrom.set(chat.id, unreadFrom(chat, this.#state, upTo));
  }

  // --- tabs ------------------------------------------------------------------------------------------------------

  /** Asks the leader how things stand. One that does not answer is asleep, as phones send pages to sleep. */
  #hello(): void {
    if (this.#tabs.isLeader) return;
    this.#tabs.listen();
    this.#tabs.post({ say: "hello", from: this.#tab });
    if (this.#sessions.newest !== null) this.#timers.set("leader", LEADER_MS, () => this.#tabs.join(true));
  }

  #hear(told: Told): void {
    switch (told.say) {
      case "hello":
        if (!this.#tabs.isLeader) return;
        this.#tabs.post({ say: "state", to: told.from, state: this.#state, status: this.#status, own: [...this.#own.values()] });
        return;
      case "state":
        if (told.to !== this.#tab || this.#tabs.isLeader) return;
        this.#timers.clear("leader");
        this.#state = told.state;
        this.#leaderStatus = told.status;
        this.#takeOwn(told.own);
        this.#noteUnread();
        return;
      case "action":
        this.#apply(told.action);
        if (this.#tabs.isLeader) this.#receipts.soon(() => this.#tellMarks());
        return;
      case "status":
        this.#leaderStatus = told.status;
        this.#changed();
        return;
      case "outbox":
        this.#outbox.apply(told.change);
        return;
      case "own":
        this.#takeOwn(told.own);
        return;
      case "sessions":
        this.#sessions.reload();
        this.#tabs.join();
        this.#attended = this.#tabs.isLeader ? this.#attended : told.attend;
        if (this.#tabs.isLeader) this.#attend(told.attend);
        this.#changed();
        return;
      case "signal":
        if (this.#tabs.isLeader) this.#signal(told.signal);
        return;
      case "gone":
        this.#gone(told.id);
        return;
      case "forget":
        this.#forgetHere();
    }
  }

  // --- the page's life -------------------------------------------------------------------------------------------

  /** A page in the browser's cache may hold neither a lock nor a socket. */
  #listen(): () => void {
    if (typeof window === "undefined") return () => undefined;
    const ended = new AbortController();
    const look = () => {
      if (!document.hidden && this.#sessions.newest !== null) this.#hello();
    };
    addEventListener("pagehide", () => this.#rest(), ended);
    addEventListener("pageshow", ({ persisted }) => persisted && this.start(), ended);
    document.addEventListener("visibilitychange", look, ended);
    return () => ended.abort();
  }

  /** Closes; what is kept stays. */
  #rest(): void {
    if (this.#tabs.isLeader) this.#cache();
    this.#connection?.stop();
    this.#outbox.close();
    this.#requests.drop();
    this.#receipts.stop();
    this.#timers.clearAll();
    this.#tabs.leave();
    this.#isOpening = false;
    this.#awaitedSince = null;
  }

  #cache(): void {
    this.#keep.saveCache(this.#state, this.#sessions.ids);
  }
}

function messagesIn(action: Action): readonly Message[] {
  switch (action.type) {
    case "message":
      return [action.message];
    case "page":
      return action.page.messages;
    case "frame":
      return action.frame.type === "chat.message" || action.frame.type === "ack" ? [action.frame.data] : [];
    default:
      return [];
  }
}
