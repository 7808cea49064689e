/** What an operator does to conversations, one or many: shown at once, with 8 s to take it back. */
import { asApiError } from "@switchboard/sdk";
import type { Console } from "../app/console.ts";
import { currentList, go, openChat, route } from "../app/route.ts";
import type { Row } from "../desk/rows.ts";
import { many, t } from "../words/words.ts";
import type { Change } from "./queue.ts";

const PROGRESS_AT = 10;

export class Doing {
  #console: Console;
  #turn = 0;

  constructor(console: Console) {
    this.#console = console;
    console.desk.onFailure((chat, change, error) => this.#refused(chat, change, error));
  }

  /** What an action is of: what is chosen, or what is open, or what the list's keys act on. */
  targets(): number[] {
    const { chosen, list } = this.#console;
    if (chosen.peek().size > 0) return [...chosen.peek()];
    const { value: at } = route;
    if (at.page === "lists" && at.chat !== null) return [at.chat];
    const active = list?.active() ?? null;
    return active === null ? [] : [active];
  }

  status(to: Row["status"], ids: readonly number[] = this.targets()): void {
    const texts = { closed: "didClose", pending: "didPark", open: "didOpen" } as const;
    const rows = this.#rows(ids).filter((row) => row.status !== to);
    if (to !== "open") this.#goOn(rows);
    this.#all(rows, () => ({ kind: "status", to }), (row) => ({ kind: "status", to: row.status }), texts[to]);
  }

  assign(to: { id: number; name: string } | null, ids: readonly number[] = this.targets()): void {
    const rows = this.#rows(ids).filter((row) => row.assignee?.id !== to?.id);
    const isMe = to?.id === this.#console.desk.account.id;
    const change = (row: Row): Change => ({
      kind: "assign",
      to,
      // Of two who take one that nobody has only one gets it.
      ...(isMe && row.assignee === null ? { ifAssignee: null } : {}),
    });
    this.#all(rows, change, (row) => ({ kind: "assign", to: row.assignee }), to === null ? "didUnassign" : isMe ? "didTake" : "didAssign", to?.name);
  }

  toMe(ids: readonly number[] = this.targets()): void {
    const { id, name } = this.#console.desk.account;
    this.assign({ id, name }, ids);
  }

  ban(to: boolean, ids: readonly number[] = this.targets()): void {
    const rows = this.#rows(ids).filter((row) => row.isBanned !== to);
    this.#all(rows, () => ({ kind: "ban", to }), () => ({ kind: "ban", to: !to }), to ? "didBan" : "didUnban");
  }

  markUnread(ids: readonly number[] = this.targets()): void {
    for (const id of ids) this.#console.desk.markUnread(id);
    const { value: at } = route;
    if (at.page === "lists" && at.chat !== null && ids.includes(at.chat)) openChat(null);
    this.#console.choose([]);
  }

  #rows = (ids: readonly number[]): Row[] => ids.flatMap((id) => this.#console.desk.row(id) ?? []);

  /** Rule 10: the next conversation opens where this one leaves the list. */
  #goOn(rows: readonly Row[]): void {
    const { value: at } = route;
    if (at.page !== "lists" || at.chat === null || !rows.some(({ id }) => id === at.chat)) return;
    const items = this.#console.desk.list.peek()?.live.items.peek() ?? [];
    const index = items.findIndex(({ id }) => id === at.chat);
    const left = new Set(rows.map(({ id }) => id));
    const next = [...items.slice(index + 1), ...items.slice(0, Math.max(0, index)).toReversed()].find(({ id }) => !left.has(id));
    const stays = at.list === "search";
    if (!stays) go({ page: "lists", list: currentList(), chat: next?.id ?? null, message: null }, true);
  }

  #all(rows: readonly Row[], change: (row: Row) => Change, back: (row: Row) => Change, text: "didClose" | "didPark" | "didOpen" | "didAssign" | "didTake" | "didUnassign" | "didBan" | "didUnban", name?: string): void {
    const { desk, toasts, choose } = this.#console;
    if (rows.length === 0) return;
    const turn = (this.#turn += 1);
    const label = () => many(text, rows.length, name === undefined ? {} : { name });
    let count = 0;
    let isUndone = false;
    const undo = () => {
      isUndone = true;
      for (const row of rows) void desk.actions.add(row.id, back(row));
      this.#console.list?.settle();
      const only = rows[0];
      if (rows.length === 1 && only && route.value.page === "lists") openChat(only.id);
    };
    // The last action is the one that is taken back: its word never waits behind another.
    const show = (shown: string) => {
      if (turn === this.#turn) toasts.show({ key: "undo", text: shown, action: { label: t("undo"), run: undo } });
    };
    for (const row of rows) {
      void desk.actions.add(row.id, change(row)).then((isGood) => {
        count += isGood ? 1 : 0;
        // A word now and then, and the last one.
        const isDue = rows.length >= PROGRESS_AT && (count % PROGRESS_AT === 0 || count === rows.length);
        if (isGood && isDue && !isUndone && count < rows.length) show(t("progress", { text: label(), done: String(count), all: String(rows.length) }));
        else if (isDue && count === rows.length && !isUndone) show(label());
      });
    }
    show(label());
    choose.call(this.#console, []);
    this.#console.list?.settle();
  }

  #refused(chat: number, change: Change, error: { code: string; details: Record<string, unknown> }): void {
    const { desk, toasts } = this.#console;
    const name = desk.row(chat)?.name ?? t("conversationNumber", { id: String(chat) });
    const holder = (error.details["assignee"] as { name?: string } | null | undefined)?.name;
    if (error.code === "conflict" && holder) toasts.show({ text: t("takenBy", { name: holder, visitor: name }), tone: "danger" });
    else if (error.code === "not_found" || error.code === "forbidden") toasts.show({ text: t("notYours", { visitor: name }), tone: "danger" });
    else {
      const again = () => void desk.actions.add(chat, change);
      toasts.show({ text: t("notDone", { visitor: name }), tone: "danger", action: { label: t("retry"), run: again } });
    }
    void desk.client.call<Parameters<typeof desk.client.take>[0][number]>(`/chat/session/${chat}`).then(
      (session) => desk.client.take([session]),
      (cause: unknown) => asApiError(cause).status === 404 && desk.client.forget([chat]),
    );
  }
}
