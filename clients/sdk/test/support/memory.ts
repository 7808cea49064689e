import type { KeyValueStorage } from "../../src/index.ts";

/** Storage that lives as long as a browser's, over several pages. */
export class Memory implements KeyValueStorage {
  readonly kept = new Map<string, string>();
  get = (key: string) => this.kept.get(key) ?? null;
  set = (key: string, value: string) => (this.kept.set(key, value), true);
  remove = (key: string) => void this.kept.delete(key);
  keys = (prefix: string) => [...this.kept.keys()].filter((key) => key.startsWith(prefix));
}

/** Storage of a browser that forbids it. */
export const forbidden: KeyValueStorage = {
  get: () => {
    throw new DOMException("denied", "SecurityError");
  },
  set: () => {
    throw new DOMException("denied", "SecurityError");
  },
  remove: () => {
    throw new DOMException("denied", "SecurityError");
  },
};
