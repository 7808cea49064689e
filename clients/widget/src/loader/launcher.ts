import type { Side } from "../shared/bridge.ts";
import { DEFAULT_COLOR, hex, parse, surface } from "../shared/colour.ts";
import { adopt } from "../shared/sheet.ts";
import { icon } from "../shared/svg.ts";
import styles from "./launcher.css?inline";

const CHAT = "M12 3.5c-5 0-9 3.4-9 7.7 0 2.3 1.2 4.4 3.1 5.8l-.5 3.3c0 .4.3.7.7.5l3.8-1.8c.6.1 1.2.2 1.9.2 5 0 9-3.5 9-7.8s-4-7.9-9-7.9Z";
const DOWN = "m6 9.5 6 6 6-6";

interface Actions {
  toggle(): void;
  /** The pointer or the focus comes near: the panel will be wanted soon. */
  near(): void;
}

/** The round button, and the box that the panel is put into. */
export class Launcher {
  readonly box: HTMLElement;
  #frame: HTMLElement;
  #button: HTMLButtonElement;
  #badge: HTMLElement;
  #count = 0;
  #isOpen = false;
  #labels = { open: "Open chat", close: "Close chat", unread: "" };

  constructor(root: ShadowRoot, { toggle, near }: Actions) {
    // Beside the file, because the minifier rounds large numbers. The largest z-index there is, unless the page wants less.
    adopt(root, `${styles}:host{z-index:var(--switchboard-z-index,2147483647)!important}`);
    this.#frame = make("div", "sb");
    this.box = make("div", "box");
    this.box.setAttribute("role", "dialog");
    this.box.setAttribute("aria-label", "Chat");
    this.box.id = "box";
    this.#button = make("button", "launcher");
    this.#button.type = "button";
    this.#button.setAttribute("aria-haspopup", "dialog");
    this.#button.setAttribute("aria-controls", "box");
    this.#badge = make("span", "badge");
    this.#badge.setAttribute("aria-hidden", "true");
    this.#button.append(icon(CHAT, { class: "chat" }), icon(DOWN, { class: "down" }), make("span", "spin"), this.#badge);
    this.#button.addEventListener("click", toggle);
    for (const type of ["pointerenter", "focus", "touchstart"] as const) {
      this.#button.addEventListener(type, near, { passive: true });
    }
    this.#frame.append(this.box, this.#button);
    root.append(this.#frame);
    this.#describe();
  }

  show(): void {
    this.#frame.classList.add("shown");
  }

  open(isOpen: boolean): void {
    this.#isOpen = isOpen;
    this.#frame.classList.toggle("open", isOpen);
    this.#describe();
  }

  opening(isOpening: boolean): void {
    this.#frame.classList.toggle("opening", isOpening);
  }

  focus(): void {
    this.#button.focus({ preventScroll: true });
  }

  unread(count: number): void {
    this.#count = count;
    this.#badge.textContent = count > 99 ? "99+" : String(count);
    this.#frame.classList.toggle("unread", count > 0);
    this.#describe();
  }

  color(color: string | null): void {
    const { ground, text } = surface(parse(color) ?? DEFAULT_COLOR);
    this.#frame.style.setProperty("--accent", hex(ground));
    this.#frame.style.setProperty("--on-accent", hex(text));
  }

  position(side: Side): void {
    this.#frame.classList.toggle("left", side === "left");
  }

  labels(open: string, close: string, unread: string): void {
    this.#labels = { open, close, unread };
    this.#describe();
  }

  destroy(): void {
    this.#frame.remove();
  }

  #describe(): void {
    const { open, close, unread } = this.#labels;
    const count = this.#count > 0 ? ` (${unread || this.#count})` : "";
    this.#button.setAttribute("aria-label", this.#isOpen ? close : `${open}${count}`);
    this.#button.setAttribute("aria-expanded", String(this.#isOpen));
  }
}

function make<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, name: string): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  element.className = name;
  return element;
}
