/** At most three toasts at a time; those that come meanwhile wait, and get their whole time when they are shown. */
import { type ReadonlySignal, signal } from "@preact/signals";

export interface Toast {
  text: string;
  tone?: "danger";
  action?: { label: string; run(): void };
  /** A toast with the key of another takes its place and begins its time anew. */
  key?: string;
}

export interface Shown extends Toast {
  id: number;
}

interface Timed {
  toast: Shown;
  left: number;
}

export const SHOWN = 3;
/** Rule 10: an action can be undone for 8 s. */
export const WITH_ACTION = 8_000;
export const WITHOUT_ACTION = 5_000;
/** What waits beyond that is dropped, the oldest first. */
export const WAITING = 20;

export class Toasts {
  readonly #shown = signal<readonly Shown[]>([]);
  #timed: Timed[] = [];
  #waiting: Shown[] = [];
  #next = 0;
  #isPaused = false;
  #since = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  get shown(): ReadonlySignal<readonly Shown[]> {
    return this.#shown;
  }

  show(toast: Toast): number {
    const shown = { ...toast, id: (this.#next += 1) };
    this.#pass();
    const same = this.#timed.findIndex(({ toast: { key } }) => key !== undefined && key === toast.key);
    this.#waiting = this.#waiting.filter(({ key }) => key === undefined || key !== toast.key);
    if (same >= 0) this.#timed[same] = timed(shown);
    else {
      // News without an action gives way at once.
      const spare = this.#timed.findIndex(({ toast: { action } }) => !action);
      if (this.#timed.length >= SHOWN && spare >= 0) this.#timed.splice(spare, 1);
      this.#waiting = [...this.#waiting, shown].slice(-WAITING);
    }
    this.#settle();
    return shown.id;
  }

  dismiss(id: number): void {
    this.#pass();
    this.#timed = this.#timed.filter(({ toast }) => toast.id !== id);
    this.#waiting = this.#waiting.filter((toast) => toast.id !== id);
    this.#settle();
  }

  /** Runs the action of a toast once. */
  act(id: number): void {
    const action = this.#timed.find(({ toast }) => toast.id === id)?.toast.action;
    this.dismiss(id);
    action?.run();
  }

  /** For a key: the action of the newest toast. False where there is none. */
  actOnNewest(): boolean {
    const newest = this.#timed.findLast(({ toast: { action } }) => action);
    if (newest) this.act(newest.toast.id);
    return newest !== undefined;
  }

  /** Time stands still while the pointer or the focus is on the toasts. */
  pause(isPaused: boolean): void {
    this.#pass();
    this.#isPaused = isPaused;
    this.#settle();
  }

  #pass(): void {
    const now = performance.now();
    if (!this.#isPaused) for (const entry of this.#timed) entry.left -= now - this.#since;
    this.#since = now;
  }

  #settle(): void {
    clearTimeout(this.#timer);
    if (!this.#isPaused) this.#timed = this.#timed.filter(({ left }) => left > 0);
    while (this.#timed.length < SHOWN) {
      const next = this.#waiting.shift();
      if (!next) break;
      this.#timed.push(timed(next));
    }
    this.#shown.value = this.#timed.map(({ toast }) => toast);
    if (this.#isPaused || this.#timed.length === 0) return;
    const soonest = Math.min(...this.#timed.map(({ left }) => left));
    this.#timer = setTimeout(() => {
      this.#pass();
      this.#settle();
    }, Math.ceil(soonest));
  }
}

const timed = (toast: Shown): Timed => ({ toast, left: toast.action ? WITH_ACTION : WITHOUT_ACTION });
