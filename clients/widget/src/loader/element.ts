const ELEMENT = "switchboard-widget";
/** A page that takes the element out again and again wins: two scripts must not fight for ever. */
const RETURNS = 10;
const RETURNS_WITHIN_MS = 60_000;
/** Keys and focus inside the widget are no business of the page's shortcuts and focus traps. */
const KEPT_INSIDE = ["keydown", "keyup", "keypress", "focusin", "focusout"] as const;

/** The one element in the page, a child of `<html>`: it outlives a swapped `<body>`. */
export class WidgetElement {
  readonly root: ShadowRoot;
  #element = document.createElement(ELEMENT);
  #observer: MutationObserver;
  #returns: number[] = [];
  #putBack: () => void;

  constructor(putBack: () => void) {
    this.#putBack = putBack;
    this.root = this.#element.attachShadow({ mode: "open" });
    for (const type of KEPT_INSIDE) this.#element.addEventListener(type, (event) => event.stopPropagation());
    document.documentElement.append(this.#element);
    this.#observer = new MutationObserver(() => this.#look());
    this.#observer.observe(document, { childList: true });
    this.#observer.observe(document.documentElement, { childList: true });
  }

  destroy(): void {
    this.#observer.disconnect();
    this.#element.remove();
  }

  #look(): void {
    if (this.#element.isConnected) return;
    const now = performance.now();
    this.#returns = [...this.#returns.filter((at) => now - at < RETURNS_WITHIN_MS), now];
    if (this.#returns.length > RETURNS) {
      this.#observer.disconnect();
      console.warn("Switchboard: a script of this page keeps removing the chat; it stays away.");
      return;
    }
    document.documentElement.append(this.#element);
    this.#observer.observe(document.documentElement, { childList: true });
    this.#putBack();
  }
}
