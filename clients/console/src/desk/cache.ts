/**
 * What an operator has seen, in IndexedDB: conversations as lists show them, the newest messages of those that were read, and the
 * workspace. It is bounded, and wiped at sign-out and when rights go. It is not encrypted.
 *
 * Where IndexedDB is blocked or full nothing is kept, and all else works.
 */
import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from "idb";
import type { KeptChat, Message } from "@switchboard/sdk";

interface Schema extends DBSchema {
  sessions: { key: number; value: KeptChat["session"]; indexes: { changed: string } };
  messages: { key: number; value: { id: number; messages: readonly Message[]; at: number }; indexes: { at: number } };
  facts: { key: string; value: unknown };
}

const SESSIONS = 2_000;
const CHATS = 200;
const MESSAGES = 60;
const VERSION = 1;

export const nameOf = (account: number): string => `switchboard.console.${account}`;

/** Wipes what is kept of an account. */
export const wipe = async (account: number): Promise<void> => deleteDB(nameOf(account)).catch(() => undefined);

export interface Kept {
  chats: KeptChat[];
  facts: Map<string, unknown>;
}

let begun: Cache | null = null;

/** Reads what is kept while the page's first script still begins. */
export function beginCache(account: number): void {
  begun = new Cache(account);
}

export function cacheOf(account: number): Cache {
  const found = begun?.account === account ? begun : new Cache(account);
  begun = null;
  return found;
}

export class Cache {
  readonly account: number;
  #open: Promise<IDBPDatabase<Schema> | null>;
  #loaded: Promise<Kept>;
  #isClosed = false;

  constructor(account: number) {
    this.account = account;
    this.#open = this.#opened();
    this.#loaded = this.#load();
  }

  async #opened(): Promise<IDBPDatabase<Schema> | null> {
    try {
      const db = await openDB<Schema>(nameOf(this.account), VERSION, {
        upgrade(made) {
          for (const name of Array.from(made.objectStoreNames)) made.deleteObjectStore(name);
          made.createObjectStore("sessions", { keyPath: "session_id" }).createIndex("changed", "changed_at");
          made.createObjectStore("messages", { keyPath: "id" }).createIndex("at", "at");
          made.createObjectStore("facts");
        },
        // Another tab wipes it.
        blocking: (_now, _then, event) => (event.target as IDBDatabase).close(),
      });
      return db;
    } catch {
      return null;
    }
  }

  /** What was kept when this began. */
  load(): Promise<Kept> {
    return this.#loaded;
  }

  async #load(): Promise<Kept> {
    try {
      const db = await this.#open;
      if (!db) return { chats: [], facts: new Map() };
      const all = db.transaction(["sessions", "facts"]);
      const [sessions, keys, values] = await Promise.all([all.objectStore("sessions").getAll(), all.objectStore("facts").getAllKeys(), all.objectStore("facts").getAll()]);
      const chats = sessions.map((session) => ({ session, messages: session.last_message ? [session.last_message] : [] }));
      return { chats, facts: new Map(keys.map((key, index) => [key, values[index]])) };
    } catch {
      return { chats: [], facts: new Map() };
    }
  }

  /** The newest messages of a conversation that was read. */
  async messages(id: number): Promise<readonly Message[]> {
    try {
      return (await (await this.#open)?.get("messages", id))?.messages ?? [];
    } catch {
      return [];
    }
  }

  async save(chats: readonly { kept: KeptChat; hasHistory: boolean }[], gone: readonly number[]): Promise<void> {
    await this.#write(async (db) => {
      const all = db.transaction(["sessions", "messages"], "readwrite");
      const [sessions, messages] = [all.objectStore("sessions"), all.objectStore("messages")];
      for (const { kept, hasHistory } of chats) {
        void sessions.put(kept.session);
        if (hasHistory) void messages.put({ id: kept.session.session_id, messages: kept.messages.slice(-MESSAGES), at: Date.now() });
      }
      for (const id of gone) {
        void sessions.delete(id);
        void messages.delete(id);
      }
      await all.done;
    });
  }

  async note(name: string, value: unknown): Promise<void> {
    await this.#write(async (db) => void (await db.put("facts", value, name)));
  }

  /** Drops what was not changed, or not read, for the longest time. */
  async trim(): Promise<void> {
    await this.#write(async (db) => {
      const all = db.transaction(["sessions", "messages"], "readwrite");
      const sessions = all.objectStore("sessions");
      const messages = all.objectStore("messages");
      let spare = (await sessions.count()) - SESSIONS;
      for (let at = await sessions.index("changed").openCursor(); at && spare > 0; at = await at.continue(), spare--) await at.delete();
      spare = (await messages.count()) - CHATS;
      for (let at = await messages.index("at").openCursor(); at && spare > 0; at = await at.continue(), spare--) await at.delete();
      await all.done;
    });
  }

  async #write(write: (db: IDBPDatabase<Schema>) => Promise<unknown>): Promise<void> {
    if (this.#isClosed) return;
    try {
      const db = await this.#open;
      if (db && !this.#isClosed) await write(db);
    } catch {
      // Full, or taken away: the cache is a copy, and what is there stays good.
    }
  }

  /** Everything, for good: what is still on its way is not written any more. */
  async wipe(): Promise<void> {
    this.#isClosed = true;
    (await this.#open)?.close();
    await wipe(this.account);
  }

  async clear(): Promise<void> {
    await this.#write(async (db) => {
      const all = db.transaction(["sessions", "messages", "facts"], "readwrite");
      await Promise.all([all.objectStore("sessions").clear(), all.objectStore("messages").clear(), all.objectStore("facts").clear(), all.done]);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    (await this.#open)?.close();
  }
}
