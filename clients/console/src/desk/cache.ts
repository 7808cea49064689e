/**
 * What an operator has seen, in IndexedDB: conversations as lists show them, and the newest messages of those that were read. It is
 * bounded, and wiped at sign-out and when rights go. It is not encrypted.
 *
 * Where IndexedDB is blocked or full nothing is kept, and all else works.
 */
import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from "idb";
import type { KeptChat, Message } from "@switchboard/sdk";

interface Schema extends DBSchema {
  sessions: { key: number; value: KeptChat["session"]; indexes: { changed: string } };
  messages: { key: number; value: { id: number; messages: readonly Message[]; at: number }; indexes: { at: number } };
}

const SESSIONS = 2_000;
const CHATS = 200;
const MESSAGES = 60;
const VERSION = 1;

export const nameOf = (account: number): string => `switchboard.console.${account}`;

/** Wipes what is kept of an account. */
export const wipe = async (account: number): Promise<void> => deleteDB(nameOf(account)).catch(() => undefined);

export const keptOf = (session: KeptChat["session"]): KeptChat => ({ session, messages: session.last_message ? [session.last_message] : [] });

interface Store {
  count(): Promise<number>;
  delete(key: number): Promise<void>;
}

/** Drops the first ones of an index beyond so many, several at a time. */
async function drop(store: Store, index: { getAllKeys(query: null, count: number): Promise<number[]> }, most: number): Promise<void> {
  const spare = (await store.count()) - most;
  if (spare < most / 10) return;
  for (const key of await index.getAllKeys(null, spare)) void store.delete(key);
}

export class Cache {
  readonly account: number;
  #open: Promise<IDBPDatabase<Schema> | null>;
  #isClosed = false;

  constructor(account: number) {
    this.account = account;
    this.#open = this.#opened();
  }

  async #opened(): Promise<IDBPDatabase<Schema> | null> {
    try {
      const db = await openDB<Schema>(nameOf(this.account), VERSION, {
        upgrade(made) {
          for (const name of Array.from(made.objectStoreNames)) made.deleteObjectStore(name);
          made.createObjectStore("sessions", { keyPath: "session_id" }).createIndex("changed", "changed_at");
          made.createObjectStore("messages", { keyPath: "id" }).createIndex("at", "at");
        },
        // Another tab wipes it.
        blocking: (_now, _then, event) => (event.target as IDBDatabase).close(),
      });
      return db;
    } catch {
      return null;
    }
  }

  /** All conversations that are kept. */
  async chats(): Promise<KeptChat[]> {
    try {
      return ((await (await this.#open)?.getAll("sessions")) ?? []).map(keptOf);
    } catch {
      return [];
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
      // What was not changed, or not read, for the longest time.
      await drop(sessions, sessions.index("changed"), SESSIONS);
      await drop(messages, messages.index("at"), CHATS);
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
      const all = db.transaction(["sessions", "messages"], "readwrite");
      await Promise.all([all.objectStore("sessions").clear(), all.objectStore("messages").clear(), all.done]);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    (await this.#open)?.close();
  }
}
