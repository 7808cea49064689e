/**
 * Where a conversation is scrolled to: it stays at the end only where it is there, and what is looked at stays where it is when
 * older messages come in above.
 */
import { type Signal, signal } from "@preact/signals";

const NEAR_PX = 48;
const OLDER_PX = 600;

export class LogScroll {
  readonly isAtEnd: Signal<boolean> = signal(true);
  #box: HTMLElement | null = null;
  #sizes: ResizeObserver | null = null;
  #height = 0;
  #top = 0;
  #older: () => void;
  #isHeld = false;

  /** `older` is called where the beginning of what is there comes near. */
  constructor(older: () => void) {
    this.#older = older;
  }

  attach(box: HTMLElement | null): void {
    this.#sizes?.disconnect();
    this.#box = box;
    if (!box) return;
    this.#sizes = new ResizeObserver(() => this.#settle());
    this.#sizes.observe(box);
    if (box.firstElementChild) this.#sizes.observe(box.firstElementChild);
    this.#settle();
  }

  /** After a draw. `isPrepended`: rows came in above. */
  drawn(isPrepended: boolean): void {
    const box = this.#box;
    if (!box) return;
    if (isPrepended && !this.isAtEnd.peek()) {
      box.scrollTop = this.#top + (box.scrollHeight - this.#height);
      this.#note();
    } else this.#settle();
  }

  #settle(): void {
    const box = this.#box;
    if (!box) return;
    if (this.isAtEnd.peek() && !this.#isHeld) box.scrollTop = box.scrollHeight;
    this.#note();
    if (box.scrollTop < OLDER_PX) this.#older();
  }

  #note(): void {
    const box = this.#box;
    if (!box) return;
    this.#height = box.scrollHeight;
    this.#top = box.scrollTop;
  }

  scrolled(): void {
    const box = this.#box;
    if (!box) return;
    // A box that grew has not been scrolled.
    const hasGrown = box.scrollHeight !== this.#height;
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
    if (isAtEnd || !hasGrown) this.isAtEnd.value = isAtEnd;
    this.#isHeld = false;
    this.#note();
    if (box.scrollTop < OLDER_PX) this.#older();
  }

  toEnd(): void {
    this.isAtEnd.value = true;
    this.#isHeld = false;
    this.#settle();
  }

  /** To a message or a line; false where it is not there. */
  to(selector: string): boolean {
    const found = this.#box?.querySelector(selector);
    if (!found) return false;
    this.isAtEnd.value = false;
    this.#isHeld = true;
    found.scrollIntoView({ block: "center" });
    this.#note();
    return true;
  }

  page(steps: number): void {
    this.#box?.scrollBy({ top: steps * this.#box.clientHeight * 0.85 });
  }
}
