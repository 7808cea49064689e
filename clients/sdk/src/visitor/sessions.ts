// The sessions of this browser: opened once though two tabs begin at the same moment, their tokens renewed in time.
import type { Credentials } from "../connection/connection.ts";
import { asApiError, unanswered } from "../protocol/api_error.ts";
import type { ChannelToken, OwnSession } from "../protocol/schemas.ts";
import type { Call, Http } from "../rest/http.ts";
import type { Device, Held, Keep } from "./keep.ts";

/** The life of a token of which nothing is known. A shorter one shows itself by a refusal. */
const LIFETIME_MS = 3_600_000;
/** A token is used for four fifths of its life. */
const USABLE = 0.8;
const PATIENCE_MS = 10_000;

/** Whose sessions they are. */
export interface SessionsOwner {
  /** The site's key. */
  readonly site: string;
  /** The identity that the site has signed; null for nobody. */
  identity(): Promise<string | null>;
  /** A session is this browser's no more, or the server does not know it. */
  gone(id: number): void;
}

export class Sessions {
  readonly http: Http;
  readonly keep: Keep;
  readonly owner: SessionsOwner;
  #renewing = new Map<number, Promise<Held>>();
  device: Device = { sessions: [], person: null };

  constructor(http: Http, keep: Keep, owner: SessionsOwner) {
    this.http = http;
    this.keep = keep;
    this.owner = owner;
  }

  /** Reads what is kept: another tab may have written it. */
  reload(): void {
    const kept = this.keep.device();
    if (kept.sessions.length > 0) this.device = kept;
  }

  get newest(): number | null {
    return this.device.sessions[0]?.id ?? null;
  }

  get ids(): number[] {
    return this.device.sessions.map(({ id }) => id);
  }

  /** A token for the channel; its life is counted from its receipt, since the local clock may be a day off. */
  async credentials(id: number, isFresh: boolean): Promise<Credentials> {
    const held = await this.#usable(id, isFresh);
    return { token: held.token, lifetimeMs: held.receivedAt + held.lifetimeMs - Date.now() };
  }

  /** A call with the token of a session, which is renewed once if it is refused. */
  async call<T>(id: number, path: string, call: Call = {}): Promise<T> {
    const run = async (isFresh: boolean) => {
      const { token } = await this.#usable(id, isFresh);
      return this.http<T>(`/chat/session/${id}${path}`, { ...call, token });
    };
    return run(false).catch((cause: unknown) => {
      if (asApiError(cause).status === 401) return run(true);
      throw cause;
    });
  }

  /** The sessions of this browser and person, and tokens for them. */
  async list(): Promise<OwnSession[]> {
    const { listSessions } = await import("./later.ts");
    const sessions = await listSessions(this);
    const receivedAt = Date.now();
    this.hold(sessions.map(({ session_id: id, token, ...times }) => ({ id, token, receivedAt, lifetimeMs: lifetime(times) })));
    return sessions;
  }

  /** What is known of who this is. Nothing is kept before there is a session. */
  tell(who: Pick<Device, "person"> | Pick<Device, "metadata">): void {
    this.device = { ...this.device, ...who };
    if (this.device.sessions.length > 0) this.keep.saveDevice(this.device);
  }

  /** A call with the secret of a session: a refusal says that the session is no more, or never was this browser's. */
  own<T>({ id, secret }: Held, path: string): Promise<T> {
    return this.http<T>(`/chat/session/${id}${path}`, { token: secret as string }).catch((cause: unknown) => {
      const { code } = asApiError(cause);
      if (code !== "unauthorized" && code !== "not_found") throw cause;
      this.owner.gone(id);
      throw unanswered();
    });
  }

  drop(id: number): void {
    this.reload();
    if (!this.ids.includes(id)) return;
    this.#put(this.device.sessions.filter((held) => held.id !== id));
  }

  /** The browser belongs to another person now. */
  forget(): void {
    this.device = { sessions: [], person: null };
    this.keep.clear();
  }

  async #usable(id: number, isFresh: boolean): Promise<Held> {
    this.reload();
    const held = this.#held(id);
    const age = Date.now() - held.receivedAt;
    // A clock that was set back gives no age.
    if (!isFresh && age >= 0 && age < held.lifetimeMs * USABLE) return held;
    const renewing = this.#renewing.get(id) ?? this.#renew(held).finally(() => this.#renewing.delete(id));
    this.#renewing.set(id, renewing);
    return renewing;
  }

  async #renew(held: Held): Promise<Held> {
    if (held.secret === undefined) {
      const own = await this.list();
      // The person is another one now, or the session was opened on a device that is banned.
      if (!own.some(({ session_id: id }) => id === held.id)) this.owner.gone(held.id);
      return this.#held(held.id);
    }
    const { token, created_at, expires_at } = await this.own<ChannelToken>(held, "/channel-token");
    const renewed = { ...held, token, receivedAt: Date.now(), lifetimeMs: lifetime({ token_created_at: created_at, expires_at }) };
    this.hold([renewed]);
    return renewed;
  }

  /** For how long the channel's word that this session may not come is not believed: it hears of new ones in seconds. */
  patienceMs(id: number): number {
    const { openedAt = 0 } = this.device.sessions.find((held) => held.id === id) ?? {};
    return Math.min(Math.max(openedAt + PATIENCE_MS - Date.now(), 0), PATIENCE_MS);
  }

  #held(id: number): Held {
    const held = this.device.sessions.find((one) => one.id === id);
    // What was written to a session that is gone is about to move to another one.
    if (!held) throw unanswered();
    return held;
  }

  /** Keeps what the server gave. */
  hold(news: readonly Held[]): void {
    if (news.length === 0) return;
    this.reload();
    const all = new Map(this.device.sessions.map((held) => [held.id, held]));
    for (const held of news) all.set(held.id, { ...all.get(held.id), ...held });
    this.#put([...all.values()].sort((a, b) => b.id - a.id));
  }

  #put(sessions: Held[]): void {
    this.device = { ...this.device, sessions };
    this.keep.saveDevice(this.device);
  }
}

/** By the server's clock alone: the local one may be a day off. */
const lifetime = ({ token_created_at: from, expires_at: to }: Pick<OwnSession, "token_created_at" | "expires_at">): number =>
  Date.parse(to) - Date.parse(from) || LIFETIME_MS;
