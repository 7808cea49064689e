/**
 * What a start shows before IndexedDB has answered: the list that was shown last, its names and counts. It is small and in
 * localStorage, which is there at once, and is wiped with the cache.
 */
import type { KeptChat } from "@switchboard/sdk";
import { readJson, remove, write } from "../app/keep.ts";
import type { Counts } from "./counts.ts";
import type { Names } from "./workspace.ts";

export interface FirstLook {
  names: Names;
  counts: Counts | null;
  sessions: readonly KeptChat["session"][];
}

const nameOf = (account: number): string => `seen.${account}`;
const isLook = (value: unknown): value is FirstLook => typeof value === "object" && value !== null && "names" in value && "sessions" in value && Array.isArray(value.sessions);

export const firstLook = (account: number): FirstLook | null => readJson(nameOf(account), isLook);
export const keepFirstLook = (account: number, look: FirstLook): boolean => write(nameOf(account), JSON.stringify(look));
export const wipeFirstLook = (account: number): void => remove(nameOf(account));
