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

const CACHED_CHATS = 3;
const CACHED_MESSAGES = 50;

export class Keep {
  #storage: KeyValueStorage;
  #prefix: string;

  constructor(storage: KeyValueStorage, prefix: string) {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  device(): Device {
    const { sessions, person, metadata } = this.#read<Partial<Device>>("device") ?? {};
    return { sessions: Array.isArray(sessions) ? sessions : [], person: person ?? null, metadata };
  }

  saveDevice(device: Device): void {
    this.#write("device", device);
  }

  outbox(): Queued[] {
    const list = this.#read<Queued[]>("outbox");
    return Array.isArray(list) ? list.filter((queued) => typeof queued?.key === "string") : [];
  }

  saveOutbox(list: readonly Queued[]): void {
    if (list.length > 0) this.#write("outbox", list);
    else this.#storage.remove(this.#prefix + "outbox");
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
    for (const key of ["device", "outbox", "cache"]) this.#storage.remove(this.#prefix + key);
  }

  #read<T>(key: string): T | null {
    try {
      return JSON.parse(this.#storage.get(this.#prefix + key) ?? "null") as T | null;
    } catch {
      return null;
    }
  }

  #write(key: string, value: unknown): void {
    this.#storage.set(this.#prefix + key, JSON.stringify(value));
  }
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
};
