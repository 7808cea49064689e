import type { Side } from "../shared/bridge.ts";
import { DEFAULT_COLOR, parse, takesWhite } from "../shared/colour.ts";
import { adopt } from "../shared/sheet.ts";
import styles from "./launcher.css?inline";

const CHAT = "M12 3.5c-5 0-9 3.4-9 7.7 0 2.3 1.2 4.4 3.1 5.8l-.5 3.3c0 .4.3.7.7.5l3.8-1.8c.6.1 1.2.2 1.9.2 5 0 9-3.5 9-7.8s-4-7.9-9-7.9Z";
const DOWN = "m6 9.5 6 6 6-6";
const SVG = "http://www.w3.org/2000/svg";

interface Look {
  color?: string | undefined;
  position?: Side | undefined;
}

/** The round button, and the box that the panel is put into. */
export interface Launcher {
  box: HTMLElement;
  show(): void;
  state(isOpen: boolean, isOpening: boolean): void;
  unread(count: number): void;
  look(options: Look, site?: Look): void;
  labels(open: string, close: string, unread: string, badge: string): void;
  focus(): void;
}

/** An icon without markup: pages with `trusted-types 'none'` allow no HTML string. */
function icon(name: string, path: string): Element {
  const svg = document.createElementNS(SVG, "svg");
  const shape = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", name);
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

function make<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, name: string, attributes: Record<string, string> = {}): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  element.className = name;
  for (const attribute in attributes) element.setAttribute(attribute, attributes[attribute] ?? "");
  return element;
}

/** `near` is called when the pointer or the focus comes: the panel will be wanted soon. */
export function makeLauncher(root: ShadowRoot, toggle: () => void, near: () => void): Launcher {
  // This rule is not in the file, because the minifier rounds large numbers.
  adopt(root, `${styles}:host{z-index:var(--switchboard-z-index,2147483647)!important}`);
  const frame = make("div", "sb");
  const box = make("div", "box", { id: "box", role: "dialog", "aria-label": "Chat" });
  const button = make("button", "launcher", { type: "button", "aria-haspopup": "dialog", "aria-controls": "box" });
  const badge = make("span", "badge", { "aria-hidden": "true" });
  const { classList } = frame;
  let words: [open: string, close: string, unread: string, badge: string] = ["Open chat", "Close chat", "", ""];
  const describe = () => {
    const isOpen = classList.contains("open");
    const [open, close, unread, count] = words;
    badge.textContent = count;
    button.ariaLabel = isOpen ? close : open + (unread && ` (${unread})`);
    button.ariaExpanded = `${isOpen}`;
  };
  button.append(icon("chat", CHAT), icon("down", DOWN), make("span", "spin"));
  button.onclick = toggle;
  button.onpointerenter = button.onfocus = near;
  frame.append(box, button, badge);
  root.append(frame);
  describe();
  return {
    box,
    show: () => classList.add("shown"),
    state(isOpen, isOpening) {
      classList.toggle("open", isOpen);
      classList.toggle("opening", isOpening);
      describe();
    },
    unread(count) {
      classList.toggle("unread", count > 0);
    },
    look({ color, position }, site) {
      const chosen = parse(color) ?? parse(site?.color) ?? DEFAULT_COLOR;
      frame.style.setProperty("--accent", `rgb(${chosen})`);
      frame.style.setProperty("--on-accent", takesWhite(chosen) ? "#fff" : "#000");
      classList.toggle("left", position === "left" || (position !== "right" && site?.position === "left"));
    },
    labels(...said) {
      words = said;
      describe();
    },
    focus: () => button.focus({ preventScroll: true }),
  };
}
