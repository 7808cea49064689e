/** Who of the operators is there, and the own availability: away after five minutes without a sign of the operator. */
import { type Signal, signal } from "@preact/signals";
import { asApiError, type MemberClient, type ServerFrame } from "@switchboard/sdk";
import { read, write } from "../app/keep.ts";

export type Availability = "online" | "away" | "off";

export interface Operator {
  user_id: number;
  name: string;
  role?: string;
  sites?: readonly string[] | null;
  availability: Availability;
  by_hand: boolean;
  since: string;
  last_seen_at?: string | null;
}

const IDLE_MS = 5 * 60_000;
const LOOK_MS = 15_000;
const TOUCHED = "touched";

export class Presence {
  /** Null where the server tells nothing of it. */
  readonly operators: Signal<ReadonlyMap<number, Operator> | null> = signal<ReadonlyMap<number, Operator> | null>(null);
  readonly own: Signal<{ availability: Availability; by_hand: boolean }> = signal<{ availability: Availability; by_hand: boolean }>({ availability: "online", by_hand: false });
  #client: MemberClient;
  #selfId: number;
  #ended = new AbortController();
  #timer: ReturnType<typeof setInterval>;
  #touchedAt = Date.now();
  #isIdle = false;

  constructor(client: MemberClient, selfId: number) {
    this.#client = client;
    this.#selfId = selfId;
    const { signal: ended } = this.#ended;
    for (const name of ["keydown", "pointerdown", "pointermove", "wheel"] as const) addEventListener(name, () => this.#touch(), { signal: ended, passive: true, capture: true });
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#write();
  }

  of(id: number): Operator | undefined {
    return this.operators.value?.get(id);
  }

  async load(): Promise<void> {
    try {
      const { operators } = await this.#client.call<{ operators: Operator[] }>("/operators");
      this.operators.value = new Map(operators.map((one) => [one.user_id, one]));
      this.#takeOwn();
      if (!this.#isIdle && !this.own.peek().by_hand) void this.#tell("online", false);
    } catch (cause) {
      if (asApiError(cause).status === 404) this.operators.value = null;
    }
  }

  frame(frame: ServerFrame): void {
    if (frame.type !== "operator.state") return;
    const held = this.operators.peek() ?? new Map<number, Operator>();
    this.operators.value = new Map(held).set(frame.data.user_id, { ...held.get(frame.data.user_id), ...frame.data });
    this.#takeOwn();
  }

  #takeOwn(): void {
    const own = this.operators.peek()?.get(this.#selfId);
    if (own && own.availability !== "off") this.own.value = { availability: own.availability, by_hand: own.by_hand };
  }

  set(availability: "online" | "away"): void {
    void this.#tell(availability, true);
  }

  async #tell(availability: "online" | "away", byHand: boolean): Promise<void> {
    this.own.value = { availability, by_hand: byHand && availability === "away" };
    try {
      await this.#client.call("/operators/me/availability", { method: "PUT", body: { availability, by_hand: byHand } });
    } catch {
      // The next connection tells it anew.
    }
  }

  #touch(): void {
    const now = Date.now();
    if (now - this.#touchedAt > 10_000) this.#write();
    this.#touchedAt = now;
    if (this.#isIdle) this.#look();
  }

  /** Shared by the tabs: an operator who works in one of them is there. */
  #write(): void {
    write(TOUCHED, String(Date.now()));
  }

  #look(): void {
    const touchedAt = Math.max(this.#touchedAt, Number(read(TOUCHED) ?? 0));
    const isIdle = Date.now() - touchedAt > IDLE_MS;
    if (isIdle === this.#isIdle) return;
    this.#isIdle = isIdle;
    if (!this.own.peek().by_hand) void this.#tell(isIdle ? "away" : "online", false);
  }

  stop(): void {
    this.#ended.abort();
    clearInterval(this.#timer);
  }
}
