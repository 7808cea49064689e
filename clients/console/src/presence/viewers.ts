/** Which other operators look at which conversation, and telling them that this one does. */
import { signal } from "@preact/signals";
import type { MemberClient, ServerFrame } from "@switchboard/sdk";

export interface Viewer {
  id: number;
  name: string;
  until: number;
}

const SAY_MS = 20_000;
const LAST_MS = 45_000;
const SWEEP_MS = 5_000;

export class Viewers {
  readonly all = signal<ReadonlyMap<number, readonly Viewer[]>>(new Map());
  #client: MemberClient;
  #selfId: number;
  #looksAt: number | null = null;
  #say: ReturnType<typeof setInterval>;
  #sweep: ReturnType<typeof setInterval>;

  constructor(client: MemberClient, selfId: number) {
    this.#client = client;
    this.#selfId = selfId;
    this.#say = setInterval(() => {
      if (this.#looksAt !== null && !document.hidden) this.#client.viewing(this.#looksAt, true);
    }, SAY_MS);
    this.#sweep = setInterval(() => this.#drop(), SWEEP_MS);
  }

  of(chat: number): readonly Viewer[] {
    return this.all.value.get(chat) ?? [];
  }

  look(chat: number | null): void {
    if (chat === this.#looksAt) return;
    if (this.#looksAt !== null) this.#client.viewing(this.#looksAt, false);
    this.#looksAt = chat;
    if (chat !== null) this.#client.viewing(chat, true);
  }

  frame(frame: ServerFrame): void {
    if (frame.type === "connected" && this.#looksAt !== null) this.#client.viewing(this.#looksAt, true);
    if (frame.type !== "chat.viewing" || frame.session_id === undefined) return;
    const { user_id: id, name, is_viewing: isViewing } = frame.data;
    if (id === this.#selfId) return;
    const known = this.all.peek().get(frame.session_id) ?? [];
    const others = known.filter((one) => one.id !== id);
    // Who comes has heard nothing yet of who is there.
    if (isViewing && others.length === known.length && frame.session_id === this.#looksAt && !document.hidden) this.#client.viewing(this.#looksAt, true);
    const next = isViewing ? [...others, { id, name, until: Date.now() + LAST_MS }] : others;
    this.all.value = new Map(this.all.peek()).set(frame.session_id, next);
  }

  #drop(): void {
    const now = Date.now();
    const all = this.all.peek();
    if (![...all.values()].some((viewers) => viewers.some(({ until }) => until < now))) return;
    this.all.value = new Map([...all].map(([chat, viewers]) => [chat, viewers.filter(({ until }) => until >= now)] as const).filter(([, viewers]) => viewers.length > 0));
  }

  stop(): void {
    this.look(null);
    clearInterval(this.#say);
    clearInterval(this.#sweep);
  }
}
