import { Component } from "preact";
import { Icon } from "../icons.tsx";
import type { Model } from "../model.ts";

interface Props {
  model: Model;
  button: HTMLElement | null;
  close(takeFocus: boolean): void;
}

/** Where else to go, and the visitor's choices. */
export class Menu extends Component<Props> {
  #menu: HTMLElement | null = null;

  override render({ model, close }: Props) {
    const { words } = model;
    const item = (label: string, icon: "list" | "plus", act: () => void) => (
      <button type="button" role="menuitem" onClick={() => (close(true), act())}>
        <Icon name={icon} size={18} />
        {label}
      </button>
    );
    const choice = (label: string, name: "sound" | "title") => (
      <button type="button" role="menuitemcheckbox" aria-checked={model.choice(name)} onClick={() => model.toggleChoice(name)}>
        <span class="switch" />
        {label}
      </button>
    );
    return (
      <div
        class="menu"
        id="menu"
        role="menu"
        aria-label={words.say("menu")}
        ref={(element) => void (this.#menu = element)}
        onKeyDown={(event) => this.#move(event)}
        onFocusOut={({ relatedTarget }) => this.#left(relatedTarget)}
      >
        {item(words.say("conversations"), "list", () => model.go("list"))}
        {model.earlier.length > 0 && item(words.say("newConversation"), "plus", () => model.choose(null))}
        {choice(words.say("sound"), "sound")}
        {choice(words.say("titleBadge"), "title")}
      </div>
    );
  }

  override componentDidMount(): void {
    this.#items()[0]?.focus();
  }

  #left(next: EventTarget | null): void {
    const { button, close } = this.props;
    if (next instanceof Node && !this.#menu?.contains(next) && !button?.contains(next)) close(false);
  }

  #items(): HTMLElement[] {
    return [...(this.#menu?.querySelectorAll("button") ?? [])];
  }

  #move(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.preventDefault();
      this.props.close(true);
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = this.#items();
    const at = items.indexOf(event.target as HTMLElement);
    items[(at + step + items.length) % items.length]?.focus();
  }
}
