/**
 * What an operator has while signed in: the connection, the one store of conversations, and what hangs on it.
 *
 * The SDK holds sessions, messages and marks; here are the rows that lists show of them, made anew of those that changed, once a
 * frame at most.
 */
import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type ChatView, type KeptChat, member, type MemberClient, type MemberMessage, type ServerFrame } from "@switchboard/sdk";
import { type Account, leave, token } from "../account/login.ts";
import { ActionQueue, type Change } from "../actions/queue.ts";
import { read, readJson, remove, removeAll, write } from "../app/keep.ts";
import { BASE } from "../app/server.ts";
import { Drafts } from "../conversation/drafts.ts";
import type { Filter } from "../lists/filters.ts";
import { LiveList } from "../lists/live-list.ts";
import { Pages } from "../lists/pages.ts";
import { Presence } from "../presence/operators.ts";
import { Viewers } from "../presence/viewers.ts";
import { t } from "../words/words.ts";
import { Cache, keptOf } from "./cache.ts";
import { CountKeeper } from "./counts.ts";
import { firstLook, keepFirstLook, wipeFirstLook } from "./first-look.ts";
import { level } from "./level.ts";
import { isSame, type Row, rowOf } from "./rows.ts";
import { Directory, type Names } from "./workspace.ts";

export interface VisitorPage {
  url: string;
  title: string | null;
  at: string;
}

export type ConnectionState = ReturnType<MemberClient["connection"]>;

type OnFailure = (chat: number, change: Change, error: { code: string; message: string; details: Record<string, unknown> }) => void;

const SAVE_MS = 1_000;
/** So many rows are more than a window has. */
const FIRST_ROWS = 40;
const FIRST_PEOPLE = 500;
const PAGES = 500;
const NOT_SEEN_MS = 50;

const DRAWN_MS = 100;
/** A page that is not seen has no frames. */
const HIDDEN_MS = 500;

/** When the first look is drawn. */
const quiet = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, HIDDEN_MS);
    requestAnimationFrame(() => setTimeout(resolve, DRAWN_MS));
  });

export class Desk {
  readonly account: Account;
  readonly client: MemberClient;
  readonly directory: Directory;
  readonly counts: CountKeeper;
  readonly presence: Presence;
  readonly viewers: Viewers;
  readonly drafts: Drafts;
  readonly actions: ActionQueue;
  readonly connection: Signal<ConnectionState>;
  /** How many messages and actions wait to be sent. */
  readonly waiting: Signal<number> = signal(0);
  /** Where visitors are, as far as they told while this page lives. */
  readonly pages: Signal<ReadonlyMap<number, VisitorPage>> = signal<ReadonlyMap<number, VisitorPage>>(new Map());
  /** Counts changes of the open conversation, and of those that are shown. */
  readonly list: Signal<{ live: LiveList; pages: Pages } | null> = signal<{ live: LiveList; pages: Pages } | null>(null);
  /** Whether the cache was read. */
  readonly isReady: Signal<boolean> = signal(false);
  #cache: Cache;
  #rows = new Map<number, Row>();
  #chats = new Map<number, { chat: Signal<ChatView | null>; row: Signal<Row | undefined> }>();
  #dirty = new Set<number>();
  #unsaved = new Set<number>();
  #gone = new Set<number>();
  #frame = 0;
  #late: ReturnType<typeof setTimeout> | undefined;
  #saver: ReturnType<typeof setTimeout> | undefined;
  #markedUnread: Set<number>;
  /** What was kept and is not compared with the server yet. */
  #rest: Promise<KeptChat[]> = Promise.resolve([]);
  #keptEpoch: number | null = null;
  #isOver = false;
  #wasLive = false;
  #off: (() => void)[] = [];
  #failed: OnFailure = () => undefined;
  #news: ((message: MemberMessage, row: Row) => void)[] = [];

  constructor(account: Account) {
    this.account = account;
    const outbox = `outbox.${account.id}`;
    this.client = member({
      url: BASE,
      kind: "staff",
      getToken: (fresh) => token(fresh),
      self: { type: "user", id: account.id, name: account.name, role: account.role },
      storage: {
        get: () => read(outbox),
        set: (_key, value) => write(outbox, value),
        remove: () => remove(outbox),
      },
    });
    this.connection = signal(this.client.connection());
    this.#cache = new Cache(account.id);
    this.directory = new Directory(this.client, () => this.#workspaceRead());
    this.counts = new CountKeeper(this.client, account.id, (id) => this.directory.names.peek()?.sites.find((site) => site.id === id)?.key);
    this.presence = new Presence(this.client, account.id);
    this.viewers = new Viewers(this.client, account.id);
    this.drafts = new Drafts(account.id, (chat) => this.#touch([chat]));
    this.actions = new ActionQueue(this.client, account.id, {
      changed: (chat) => {
        this.#touch([chat]);
        this.#count();
      },
      failed: (...what) => this.#failed(...what),
    });
    const isIds = (value: unknown): value is number[] => Array.isArray(value);
    this.#markedUnread = new Set(readJson(`unread.${account.id}`, isIds) ?? []);
    this.#off = [
      this.client.onChats((ids) => this.#touch(ids)),
      this.client.onFrame((frame) => this.#framed(frame)),
      this.client.onMessage((message, chat) => this.#heard(message, chat)),
      this.client.subscribe(() => this.#connected()),
    ];
  }

  // --- its life --------------------------------------------------------------------------------------------------

  /** Shows what is kept, the list that was shown last at first, then connects. */
  start(): void {
    const look = firstLook(this.account.id);
    if (look) {
      const { names } = look;
      this.counts.counts.value = look.counts;
      this.directory.names.value = names;
      this.#keptEpoch = names.epoch;
      this.#restore(look.sessions.map(keptOf), names);
      this.#rest = quiet().then(async () => {
        const chats = this.#isOver ? [] : await this.#cache.chats();
        if (this.#isOver) return [];
        this.#restore(chats, names);
        return chats;
      });
    }
    this.#flush();
    this.isReady.value = true;
    this.client.start();
  }

  #restore(chats: readonly KeptChat[], names: Names): void {
    const sites = new Set(names.sites.map(({ id }) => id));
    const good = chats.filter(({ session }) => sites.has(session.site_id ?? 1));
    this.client.restore(good);
    this.#touch(good.map(({ session }) => session.session_id));
  }

  /** Closes; what is kept stays. */
  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.viewers.stop();
    await this.#save();
    this.#end();
    await this.#cache.close();
  }

  /** Closes and takes what was seen from this browser; at sign-out also what was written and not sent. */
  async wipe(withWords: boolean): Promise<void> {
    this.viewers.stop();
    this.#end();
    if (withWords) for (const name of ["draft", "outbox", "actions", "unread"]) removeAll(`${name}.${this.account.id}`);
    wipeFirstLook(this.account.id);
    await this.#cache.wipe();
  }

  #end(): void {
    this.#isOver = true;
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#late);
    clearTimeout(this.#saver);
    for (const off of this.#off) off();
    this.list.peek()?.pages.stop();
    for (const part of [this.directory, this.counts, this.presence, this.drafts]) part.stop();
    this.actions.close();
    this.client.destroy();
  }

  // --- what is shown ---------------------------------------------------------------------------------------------

  row(id: number): Row | undefined {
    return this.#rows.get(id);
  }

  rows(): Iterable<Row> {
    return this.#rows.values();
  }

  /** A conversation whose messages are shown. */
  shown(id: number): { chat: ReadonlySignal<ChatView | null>; row: ReadonlySignal<Row | undefined> } {
    let found = this.#chats.get(id);
    if (!found) this.#chats.set(id, (found = { chat: signal(this.client.chat(id)), row: signal(this.#rows.get(id)) }));
    return found;
  }

  show(filter: Filter): void {
    const now = this.list.peek();
    if (now && JSON.stringify(now.live.filter) === JSON.stringify(filter)) return;
    now?.pages.stop();
    const pages = new Pages(this.client, filter);
    this.list.value = { live: new LiveList(filter, this.#rows.values()), pages };
    void pages.more();
  }

  /** Opens a conversation, with what is kept of it until the server answers. */
  async open(id: number): Promise<void> {
    if (this.#markedUnread.delete(id)) this.#keepMarks([id]);
    const held = this.client.chat(id);
    if (!held?.isOpen && (held?.messages.length ?? 0) < 2) {
      const messages = await this.#cache.messages(id);
      if (held?.session) this.client.restoreMessages(id, messages);
    }
    await Promise.all([
      this.client.open(id),
      this.client.call<KeptChat["session"]>(`/chat/session/${id}`).then((session) => this.client.take([session])),
    ]);
  }

  leave(id: number): void {
    this.client.release(id);
    this.#chats.delete(id);
  }

  /** Rule 13: it beats reading until the conversation is left. */
  markUnread(id: number): void {
    this.#markedUnread.add(id);
    this.#keepMarks([id]);
  }

  isMarkedUnread(id: number): boolean {
    return this.#markedUnread.has(id);
  }

  #keepMarks(ids: readonly number[]): void {
    write(`unread.${this.account.id}`, JSON.stringify([...this.#markedUnread].slice(-PAGES)));
    this.#touch(ids);
  }

  // --- news ------------------------------------------------------------------------------------------------------

  onFailure(hear: OnFailure): void {
    this.#failed = hear;
  }

  /** New messages of visitors. */
  onNews(hear: (message: MemberMessage, row: Row) => void): () => void {
    this.#news.push(hear);
    return () => void (this.#news = this.#news.filter((one) => one !== hear));
  }

  #heard(message: MemberMessage, chat: number): void {
    if (message.sender.type !== "client") return;
    this.#flush();
    const row = this.#rows.get(chat);
    if (row) for (const hear of this.#news) hear(message, row);
  }

  #framed(frame: ServerFrame): void {
    this.presence.frame(frame);
    this.viewers.frame(frame);
    if (frame.type === "workspace.changed") this.directory.changed(frame.data.version);
    if (frame.type === "chat.page" && frame.session_id !== undefined) {
      const pages = new Map(this.pages.peek());
      pages.delete(frame.session_id);
      pages.set(frame.session_id, { url: frame.data.url, title: frame.data.title ?? null, at: frame.data.at });
      for (const old of [...pages.keys()].slice(0, -PAGES)) pages.delete(old);
      this.pages.value = pages;
    }
    if (frame.type === "connected") void this.#levelled(frame.data.epoch);
  }

  async #levelled(epoch: number): Promise<void> {
    this.directory.whole();
    void this.presence.load();
    this.counts.soon();
    const kept = await this.#rest;
    this.#rest = Promise.resolve([]);
    const isSameHistory = this.#keptEpoch === null || this.#keptEpoch === epoch;
    if (!isSameHistory) await this.#cache.clear();
    if (kept.length > 0) {
      const isGood = isSameHistory && (await level(this.client, kept, epoch, () => this.#isOver));
      if (!isGood) this.client.forget(kept.map(({ session }) => session.session_id));
    }
    if (this.#wasLive) this.list.peek()?.pages.again();
    this.#wasLive = true;
  }

  #workspaceRead(): void {
    const names = this.directory.names.peek();
    if (!names) return;
    this.#saveSoon();
    // Sites in which the operator works no more.
    const sites = new Set(names.sites.map(({ id }) => id));
    this.client.forget([...this.#rows.values()].filter(({ siteId }) => !sites.has(siteId)).map(({ id }) => id));
  }

  #connected(): void {
    const now = this.client.connection();
    const before = this.connection.peek();
    this.#count();
    if (now.state === before.state && now.retryAt === before.retryAt && now.closed === before.closed) return;
    this.connection.value = now;
    if (now.state === "live" || now.state === "catching_up") this.actions.open();
    else this.actions.close();
    if (now.state !== "closed") return;
    if (now.closed?.code === 4500 || now.closed?.code === 4501) leave("ended");
  }

  #count(): void {
    const waiting = this.client.waiting() + this.actions.size;
    if (waiting !== this.waiting.peek()) this.waiting.value = waiting;
  }

  // --- the rows --------------------------------------------------------------------------------------------------

  #touch(ids: Iterable<number>): void {
    for (const id of ids) this.#dirty.add(id);
    if (this.#dirty.size === 0 || this.#isOver) return;
    this.#frame ||= requestAnimationFrame(() => this.#flush());
    // A page that is not seen has no frames.
    if (document.hidden) this.#late ??= setTimeout(() => this.#flush(), NOT_SEEN_MS);
  }

  #flush(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#late);
    this.#frame = 0;
    this.#late = undefined;
    if (this.#dirty.size === 0) return;
    const changes = new Map<number, Row | null>();
    for (const id of this.#dirty) {
      const shown = this.#chats.get(id);
      const chat = this.client.chat(id);
      if (shown) shown.chat.value = chat;
      const before = this.#rows.get(id);
      const row = chat && this.#rowOf(chat);
      if (!before && !row) continue;
      if (before && row && isSame(before, row)) continue;
      if (shown) shown.row.value = row ?? undefined;
      if (row) this.#rows.set(id, row);
      else this.#rows.delete(id);
      this.counts.note(before, row);
      changes.set(id, row);
    }
    for (const id of this.#dirty) {
      this.#unsaved.add(id);
      if (!this.#rows.has(id)) this.#gone.add(id);
      else this.#gone.delete(id);
    }
    this.#dirty.clear();
    if (changes.size > 0) this.list.peek()?.live.update(changes, () => this.#rows.values());
    this.#saveSoon();
  }

  #saveSoon(): void {
    this.#saver ??= setTimeout(() => void this.#save(), SAVE_MS);
  }

  #rowOf(chat: ChatView): Row | null {
    return rowOf(chat, {
      overlay: this.actions.overlay(chat.id),
      isMarkedUnread: this.#markedUnread.has(chat.id),
      hasDraft: this.drafts.has(chat.id),
      nameless: (id) => t("visitorNumber", { id: String(id) }),
    });
  }

  /** The names of visitors without one are of the language. */
  renamed(): void {
    this.#touch(this.#rows.keys());
  }

  async #save(): Promise<void> {
    clearTimeout(this.#saver);
    this.#saver = undefined;
    const ids = [...this.#unsaved];
    const gone = [...this.#gone];
    this.#unsaved.clear();
    this.#gone.clear();
    const chats = ids.flatMap((id) => {
      const kept = this.client.keep(id);
      return kept ? [{ kept, hasHistory: kept.messages.length > 1 }] : [];
    });
    await this.#cache.save(chats, gone);
    const names = this.directory.names.peek();
    const shown = this.list.peek()?.live.items.peek() ?? [];
    if (!names || this.#isOver) return;
    const sessions = shown.slice(0, FIRST_ROWS).flatMap(({ id }) => this.client.keep(id)?.session ?? []);
    keepFirstLook(this.account.id, { names: { ...names, people: names.people.slice(0, FIRST_PEOPLE) }, counts: this.counts.counts.peek(), sessions });
  }
}
