/**
 * Actions on conversations: shown at once, told to the server in their order, and taken back with a word where it says no. What
 * waits survives a reload.
 */
import { asApiError, isPassing, type ListedSession, type MemberClient } from "@switchboard/sdk";
import { readJson, remove, write } from "../app/keep.ts";
import type { Overlay } from "../desk/rows.ts";

export type Change =
  | { kind: "status"; to: "open" | "pending" | "closed" }
  | { kind: "assign"; to: { id: number; name: string } | null; ifAssignee?: number | null }
  | { kind: "ban"; to: boolean };

export interface Waiting {
  key: string;
  chat: number;
  change: Change;
}

const AGAIN_MS = 2_000;
const MOST = 1_000;
const AT_ONCE = 4;

export interface Told {
  /** The overlay of a chat is another now. */
  changed(chat: number): void;
  failed(chat: number, change: Change, error: { code: string; message: string; details: Record<string, unknown> }): void;
}

export class ActionQueue {
  #client: MemberClient;
  #told: Told;
  #name: string;
  #list: Waiting[] = [];
  #busy = new Set<number>();
  #isOpen = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #settled = new Map<string, (isDone: boolean) => void>();

  constructor(client: MemberClient, account: number, told: Told) {
    this.#client = client;
    this.#told = told;
    this.#name = `actions.${account}`;
    const isList = (value: unknown): value is Waiting[] => Array.isArray(value);
    this.#list = (readJson(this.#name, isList) ?? []).filter((one) => typeof one?.chat === "number" && typeof one.change?.kind === "string");
  }

  get size(): number {
    return this.#list.length;
  }

  overlay(chat: number): Overlay | undefined {
    let overlay: Overlay | undefined;
    for (const { chat: of, change } of this.#list) {
      if (of !== chat) continue;
      overlay ??= {};
      if (change.kind === "status") overlay.status = change.to;
      else if (change.kind === "assign") overlay.assignee = change.to;
      else overlay.isBanned = change.to;
    }
    return overlay;
  }

  /** True once the server has it, false where it said no. */
  add(chat: number, change: Change): Promise<boolean> {
    if (this.#list.length >= MOST) return Promise.resolve(false);
    const key = `${Date.now()}-${Math.random()}`;
    this.#list.push({ key, chat, change });
    this.#save();
    this.#told.changed(chat);
    const done = new Promise<boolean>((resolve) => this.#settled.set(key, resolve));
    this.#pump();
    return done;
  }

  open(): void {
    this.#isOpen = true;
    this.#pump();
  }

  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer);
  }

  #save(): void {
    if (this.#list.length === 0) remove(this.#name);
    else write(this.#name, JSON.stringify(this.#list));
  }

  #pump(): void {
    if (!this.#isOpen) return;
    for (const { chat } of this.#list) if (this.#busy.size < AT_ONCE) void this.#next(chat);
  }

  async #next(chat: number): Promise<void> {
    const waiting = this.#list.find((one) => one.chat === chat);
    if (!waiting || this.#busy.has(chat) || !this.#isOpen) return;
    this.#busy.add(chat);
    try {
      const session = await this.#send(waiting);
      this.#done(waiting, true);
      this.#client.take([session]);
    } catch (cause) {
      const error = asApiError(cause);
      if (isPassing(error.code) && error.status !== 401) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#pump(), Math.max(AGAIN_MS, error.retryAfterMs));
        this.#busy.delete(chat);
        return;
      }
      this.#done(waiting, false);
      this.#told.failed(chat, waiting.change, error);
    }
    this.#busy.delete(chat);
    this.#told.changed(chat);
    this.#pump();
  }

  #done(waiting: Waiting, isDone: boolean): void {
    this.#list = this.#list.filter((one) => one !== waiting);
    this.#save();
    this.#settled.get(waiting.key)?.(isDone);
    this.#settled.delete(waiting.key);
  }

  #send({ chat, change }: Waiting): Promise<ListedSession> {
    const path = `/chat/session/${chat}`;
    const post = (verb: string, body?: unknown) => this.#client.call<ListedSession>(`${path}/${verb}`, body === undefined ? { method: "POST" } : { method: "POST", body });
    if (change.kind === "status") return post("status", { status: change.to });
    if (change.kind === "ban") return post(change.to ? "ban" : "unban");
    const who = { user_id: change.to?.id ?? null };
    return post("assign", change.ifAssignee === undefined ? who : { ...who, if_assignee: change.ifAssignee });
  }
}
