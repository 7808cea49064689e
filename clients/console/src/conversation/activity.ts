/** What was done to a conversation: who took it, closed it, banned its visitor. */
import { type Signal, signal } from "@preact/signals";
import { type Activity, type MemberClient, query, type ServerFrame } from "@switchboard/sdk";
import { t } from "../words/words.ts";

export interface Action extends Activity {
  seq: number;
}

interface Page {
  activity: Action[];
  has_more: boolean;
}

const PAGE = 200;
/** Of a conversation that was handed to and fro the newest are shown. */
const MOST = 1_000;

export class Actions {
  readonly all: Signal<readonly Action[]> = signal<readonly Action[]>([]);
  #client: MemberClient;
  #chat: number;
  #off: () => void;
  #isOver = false;

  constructor(client: MemberClient, chat: number) {
    this.#client = client;
    this.#chat = chat;
    this.#off = client.onFrame((frame) => this.#framed(frame));
    void this.#load();
  }

  async #load(): Promise<void> {
    try {
      for (let after = 0, isMore = true; isMore && !this.#isOver && this.all.peek().length < MOST; ) {
        const page: Page = await this.#client.call<Page>(query(`/chat/session/${this.#chat}/activity`, { after_seq: after, limit: PAGE }));
        this.#take(page.activity);
        after = page.activity.at(-1)?.seq ?? after;
        isMore = page.has_more && page.activity.length > 0;
      }
    } catch {
      // The conversation is whole without them; they come when it is opened again.
    }
  }

  #framed(frame: ServerFrame): void {
    if (frame.type === "connected") void this.#load();
    if (!("session_id" in frame) || frame.session_id !== this.#chat || !("seq" in frame) || frame.seq === undefined) return;
    if (frame.type === "chat.activity") this.#take([{ ...frame.data, seq: frame.seq }]);
    else if ("activity" in frame && frame.activity) this.#take([{ ...frame.activity, seq: frame.seq }]);
  }

  #take(some: readonly Action[]): void {
    const all = new Map(this.all.peek().map((action) => [action.seq, action]));
    for (const action of some) all.set(action.seq, action);
    this.all.value = [...all.values()].sort((one, other) => one.seq - other.seq);
  }

  stop(): void {
    this.#isOver = true;
    this.#off();
  }
}

const nameIn = (value: unknown): string | null => (typeof value === "object" && value !== null && "name" in value && typeof value.name === "string" ? value.name : null);

/** In words; null for what is not to be told. */
export function told({ kind, actor, from, to }: Action): string | null {
  const name = actor.name ?? (actor.type === "client" ? t("visitor") : t("system"));
  switch (kind) {
    case "session.opened":
      return t("saidOpened", { name });
    case "session.assigned": {
      const now = nameIn(to);
      if (now === null) return t("saidUnassigned", { name, other: nameIn(from) ?? "" });
      return now === name ? t("saidTook", { name }) : t("saidAssigned", { name, other: now });
    }
    case "session.status":
      return to === "closed" ? t("saidClosed", { name }) : to === "pending" ? t("saidParked", { name }) : to === "open" ? t("saidReopened", { name }) : null;
    case "session.client_banned":
      return t("saidBanned", { name });
    case "session.client_admitted":
      return t("saidAdmitted", { name });
    case "session.client_changed":
      return t("saidChanged", { name });
    case "session.client_identified":
      return t("saidIdentified");
    default:
      return null;
  }
}
