// What a visitor's browser keeps between page loads: its sessions with their secrets, what was written and not sent, and
// the last messages, so that a panel opens at once. Storage that throws or holds nonsense is as good as none.
import type { Queued } from "../outbox/outbox.ts";
import type { Mark, Message, Session } from "../protocol/schemas.ts";
import { chatIn, inOrder, type Chat, type State } from "../store/store.ts";
import type { KeyValueStorage } from "./api.ts";

/** A session of this browser. */
export interface Held {
  id: number;
  /** Only the tab's browser that opened the session has it. */
  secret?: string;
  token: string;
  /** Local time at which the token came, and how long it lives from then on. */
  receivedAt: number;
  lifetimeMs: number;
  /** Local time at which this browser opened it. */
  openedAt?: number;
}

export interface Device {
  /** Newest first. */
  sessions: Held[];
  /** The identifier of the signed identity, where there was one. */
  person: string | null;
  /** What pages have said of the visitor. */
  metadata?: Record<string, unknown> | undefined;
}

/** A session that is being opened. */
export interface Opening {
  /** The same at each try: where the server has opened it and its answer was lost, it answers with that one. */
  client_id: string;
  /** As in {@link Device}. */
  person: string | null;
}

interface CachedChat {
  id: number;
  cursor: number;
  hasOlder: boolean;
  session: Session | null;
  marks: [string, Mark][];
  messages: Message[];
}

interface Cache {
  epoch: number;
  self: State["self"];
  chats: CachedChat[];
}

/** What waits to be sent, with its place among the others. */
type Shelved = Queued & { no?: number };

const OUTBOX = "outbox:";
/** What is longer no visitor has written. */
const MAX_SHELVED = 1_000_000;
/** A place behind which no other fits would hold up those that come. */
const MAX_NO = 2 ** 52;
const CACHED_CHATS = 3;
const CACHED_MESSAGES = 50;

export class Keep {
  #storage: KeyValueStorage;
  #prefix: string;

  /** What waits, as it is stored, and the place of each. */
  readonly #shelved = new Map<string, string>();
  readonly #numbers = new Map<string, number>();

  constructor(storage: KeyValueStorage, prefix: string) {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  device(): Device {
    const { sessions, person, metadata } = this.#read<Partial<Device>>("device") ?? {};
    return { sessions: [sessions].flat().filter(isHeld), person: person ?? null, metadata };
  }

  saveDevice(device: Device): void {
    this.#write("device", device);
  }

  opening(): Opening | null {
    return this.#read<Opening>("opening");
  }

  saveOpening(opening: Opening | null): void {
    this.#write("opening", opening);
  }

  /** In the order of writing, over all tabs. */
  outbox(): Queued[] {
    const places = this.#storage.keys?.(this.#prefix + OUTBOX) ?? [this.#prefix + OUTBOX];
    const list = places.flatMap((place) => {
      const found = [this.#read<unknown>(place.slice(this.#prefix.length))].flat().filter(isShelved);
      if (found.length === 0) this.#storage.remove(place);
      return found;
    });
    list.sort((one, other) => (one.no ?? 0) - (other.no ?? 0));
    return list.map(({ no, ...queued }) => {
      this.#numbers.set(queued.key, no ?? this.#number());
      this.#shelved.set(queued.key, JSON.stringify(queued));
      return queued;
    });
  }

  /**
   * Tabs may be processes of their own, whose copies of the storage are a moment old. So each message is a value of its own: no tab
   * writes over what another one has just written.
   */
  saveOutbox(list: readonly Queued[]): void {
    if (!this.#storage.keys) return list.length > 0 ? this.#write(OUTBOX, list) : this.#storage.remove(this.#prefix + OUTBOX);
    for (const queued of list) {
      const text = JSON.stringify(queued);
      if (this.#shelved.get(queued.key) === text) continue;
      this.#shelved.set(queued.key, text);
      const no = this.#numbers.get(queued.key) ?? this.#number();
      this.#numbers.set(queued.key, no);
      this.#write(OUTBOX + queued.key, { ...queued, no } satisfies Shelved);
    }
    const kept = new Set(list.map(({ key }) => key));
    for (const key of this.#shelved.keys()) {
      if (kept.has(key)) continue;
      this.#shelved.delete(key);
      this.#numbers.delete(key);
      this.#storage.remove(this.#prefix + OUTBOX + key);
    }
  }

  /** Rises over all tabs with the clock, and never falls behind what waits, whatever the clock does. */
  #number(): number {
    return Math.max(Date.now() * 1000, ...this.#numbers.values()) + 1;
  }

  /** Puts what was cached into the store. */
  restore(state: State): void {
    const cache = this.#read<Cache>("cache");
    if (!cache) return;
    try {
      for (const { id, messages, marks, ...rest } of cache.chats) {
        const chat = chatIn(state, id);
        for (const message of messages) chat.messages.set(message.id, message);
        for (const [key, mark] of marks) chat.marks.set(key, mark);
        Object.assign(chat, rest, { isRead: true, version: chat.version + 1 });
      }
      state.epoch = cache.epoch;
      state.self = cache.self;
    } catch {
      state.chats.clear();
    }
  }

  saveCache(state: State, ids: readonly number[]): void {
    if (state.epoch === null) return;
    const chats = ids.slice(0, CACHED_CHATS).flatMap((id) => cached(state.chats.get(id)));
    this.#write("cache", { epoch: state.epoch, self: state.self, chats } satisfies Cache);
  }

  clear(): void {
    this.outbox();
    this.saveOutbox([]);
    for (const key of ["device", OUTBOX, "cache", "opening"]) this.#storage.remove(this.#prefix + key);
  }

  #read<T>(key: string): T | null {
    try {
      return JSON.parse(this.#storage.get(this.#prefix + key) ?? "null") as T | null;
    } catch {
      return null;
    }
  }

  #write(key: string, value: unknown): void {
    if (value === null) this.#storage.remove(this.#prefix + key);
    else this.#storage.set(this.#prefix + key, JSON.stringify(value));
  }
}

const types = (...values: unknown[]): string => values.map((value) => typeof value).join();

function isHeld(value: unknown): value is Held {
  const { id, token, receivedAt, lifetimeMs } = Object(value) as Held;
  return types(token, receivedAt, lifetimeMs) === "string,number,number" && Number.isSafeInteger(id);
}

function isShelved(value: unknown): value is Shelved {
  const { key, chat, body, at, no = 0, error = {} } = Object(value) as Shelved;
  return (
    types(key, chat, body, at, error) === "string,number,string,string,object" &&
    Date.parse(at) > 0 &&
    no < MAX_NO &&
    JSON.stringify(value).length < MAX_SHELVED
  );
}

/** The cursor and what it stands for are one value: neither is ever newer than the other. */
function cached(chat: Chat | undefined): CachedChat[] {
  if (!chat || !chat.isRead || chat.cursor === null) return [];
  const { id, cursor, session } = chat;
  const messages = inOrder(chat);
  const hasOlder = chat.hasOlder || messages.length > CACHED_MESSAGES;
  return [{ id, cursor, hasOlder, session, marks: [...chat.marks], messages: messages.slice(-CACHED_MESSAGES) }];
}

/** A storage, and memory beside it for what it refuses: one that throws or is full is as good as none. */
export function guarded(storage: KeyValueStorage): KeyValueStorage {
  const memory = new Map<string, string>();
  const attempt = <T>(use: () => T, otherwise: T): T => {
    try {
      return use();
    } catch {
      return otherwise;
    }
  };
  return {
    get: (key) => memory.get(key) ?? attempt(() => storage.get(key), null),
    set(key, value) {
      const isKept = attempt(() => storage.set(key, value), false);
      if (isKept) memory.delete(key);
      else memory.set(key, value);
      return isKept;
    },
    remove(key) {
      memory.delete(key);
      attempt(() => storage.remove(key), undefined);
    },
    ...(storage.keys && {
      keys(prefix: string) {
        const kept = attempt(() => storage.keys?.(prefix) ?? [], []);
        return [...new Set([...kept, ...memory.keys()])].filter((key) => key.startsWith(prefix));
      },
    }),
  };
}

/** Throws where there is no localStorage, or none for this page. Node's own is no browser's. */
export const browserStorage: KeyValueStorage = {
  get: (key) => (typeof document === "undefined" ? null : localStorage.getItem(key)),
  set(key, value) {
    if (typeof document === "undefined") return false;
    localStorage.setItem(key, value);
    return true;
  },
  remove(key) {
    if (typeof document !== "undefined") localStorage.removeItem(key);
  },
  keys: (prefix) => (typeof document === "undefined" ? [] : Object.keys(localStorage).filter((key) => key.startsWith(prefix))),
};
