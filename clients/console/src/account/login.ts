/**
 * The login of this browser, which all its tabs share. A refresh token is good once: one tab at a time trades it, by a Web Lock,
 * and the others take what that tab has got.
 */
import { signal } from "@preact/signals";
import { ApiError, asApiError } from "@switchboard/sdk";
import { onOtherTab, readJson, remove, write } from "../app/keep.ts";
import { ask } from "../app/server.ts";

export interface Account {
  id: number;
  name: string;
  email: string;
  role: "user" | "operator" | "admin";
}

interface Tokens {
  access_token: string;
  refresh_token: string;
  expires_in: number;
}

interface Stored {
  access: string;
  refresh: string;
  /** ms since 1970, by this machine's clock. */
  until: number;
  account: Account;
}

/** Why nobody is signed in any more. */
export type Ending = "signed-out" | "ended" | "not-staff";

const LOGIN = "login";
const isStored = (value: unknown): value is Stored => typeof value === "object" && value !== null && "refresh" in value && "account" in value;
const load = (): Stored | null => readJson(LOGIN, isStored);

export const account = signal<Account | null>(load()?.account ?? null);
export const ending = signal<Ending | null>(null);

const save = (tokens: Tokens, who: Account): void => {
  const stored: Stored = { access: tokens.access_token, refresh: tokens.refresh_token, until: Date.now() + tokens.expires_in * 1_000, account: who };
  write(LOGIN, JSON.stringify(stored));
};

/** After `/auth/login`, or after a link was used. */
export async function enter(tokens: Tokens): Promise<void> {
  const me = await ask<Account>("/users/me", { token: tokens.access_token });
  if (me.role === "user") {
    await ask("/auth/logout", { method: "POST", body: { refresh_token: tokens.refresh_token } }).catch(() => undefined);
    ending.value = "not-staff";
    throw new ApiError(403, { code: "forbidden", message: "not an operator" });
  }
  const who: Account = { id: me.id, name: me.name, email: me.email, role: me.role };
  save(tokens, who);
  ending.value = null;
  account.value = who;
}

export const signIn = async (email: string, password: string): Promise<void> =>
  enter(await ask<Tokens>("/auth/login", { method: "POST", body: { email, password } }));

export function rename(name: string): void {
  const stored = load();
  if (!stored) return;
  stored.account = { ...stored.account, name };
  write(LOGIN, JSON.stringify(stored));
  account.value = stored.account;
}

const locked = async <T>(run: () => Promise<T>): Promise<T> => {
  const locks = (navigator as { locks?: LockManager }).locks;
  return locks ? ((await locks.request("switchboard.console.refresh", run)) as T) : run();
};

/** An access token; a new one if the one before was refused or is old. */
export async function token(fresh: boolean, refused: string | null = null): Promise<string> {
  const held = load();
  if (!held) throw new ApiError(401, { code: "unauthorized", message: "nobody is signed in" });
  if (!fresh && held.until - Date.now() > 60_000) return held.access;
  return locked(async () => {
    const stored = load();
    if (!stored) throw new ApiError(401, { code: "unauthorized", message: "nobody is signed in" });
    // Another tab was first.
    if (stored.access !== (refused ?? held.access) && stored.until > Date.now()) return stored.access;
    try {
      const tokens = await ask<Tokens>("/auth/refresh", { method: "POST", body: { refresh_token: stored.refresh } });
      save(tokens, stored.account);
      return tokens.access_token;
    } catch (cause) {
      const { status } = asApiError(cause);
      // A tab of a page without locks may have been first.
      const now = load();
      if (status === 401 && now && now.refresh !== stored.refresh) return now.access;
      if (status === 401 || status === 403) leave("ended");
      throw cause;
    }
  });
}

/** Forgets the login here; other tabs hear of it. */
export function leave(why: Ending): void {
  remove(LOGIN);
  ending.value = why;
  account.value = null;
}

/** Ends the login at the server too, as far as it can be reached. */
export async function signOut(): Promise<void> {
  const stored = load();
  leave("signed-out");
  if (stored) await ask("/auth/logout", { method: "POST", body: { refresh_token: stored.refresh } }).catch(() => undefined);
}

export const refreshToken = (): string | null => load()?.refresh ?? null;

onOtherTab(LOGIN, () => {
  const stored = load();
  if (!stored && account.value) leave("signed-out");
  else if (stored && stored.account.id !== account.value?.id) account.value = stored.account;
  else if (stored && stored.account.name !== account.value?.name) account.value = stored.account;
});
