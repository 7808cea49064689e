/** What the console's views share while somebody is signed in: the desk, what is chosen, and what is laid over the page. */
import { type Signal, signal } from "@preact/signals";
import { Toasts } from "@switchboard/ui";
import { Doing } from "../actions/doing.ts";
import type { Mode } from "../conversation/drafts.ts";
import type { Desk } from "../desk/desk.ts";
import { change, settings } from "../settings/settings.ts";
import { isNarrow } from "./media.ts";

export type Layer = "palette" | "help" | "assign" | "status" | "menu" | "account" | null;

/** What a list can be told by a key, from wherever the focus is. */
export interface ListHandle {
  move(steps: number): void;
  focus(): void;
  settle(): void;
  active(): number | null;
}

export class Console {
  readonly desk: Desk;
  readonly toasts = new Toasts();
  readonly doing: Doing;
  /** What is chosen for an action on many. */
  readonly chosen: Signal<ReadonlySet<number>> = signal<ReadonlySet<number>>(new Set());
  readonly layer: Signal<Layer> = signal<Layer>(null);
  readonly searchText: Signal<string> = signal("");
  readonly mode: Signal<Mode> = signal<Mode>("reply");
  readonly showsPanel: Signal<boolean> = signal(false);
  /** Whom an assignment that is asked for is of. */
  assigning: readonly number[] = [];
  list: ListHandle | null = null;
  /** Brings the focus into the composer. */
  compose: (() => void) | null = null;
  focusSearch: (() => void) | null = null;

  constructor(desk: Desk) {
    this.desk = desk;
    this.doing = new Doing(this);
  }

  write(mode: Mode): void {
    this.mode.value = mode;
    // The field may only be made by that.
    queueMicrotask(() => this.compose?.());
  }

  togglePanel(): void {
    if (isNarrow.peek()) this.showsPanel.value = !this.showsPanel.peek();
    else change({ showsVisitor: !settings.peek().showsVisitor });
  }

  choose(ids: Iterable<number>): void {
    this.chosen.value = new Set(ids);
  }

  toggle(ids: readonly number[]): void {
    const next = new Set(this.chosen.peek());
    const isAll = ids.every((id) => next.has(id));
    for (const id of ids) {
      if (isAll) next.delete(id);
      else next.add(id);
    }
    this.chosen.value = next;
  }
}
