import { Component } from "preact";
import { Icon } from "./icons.tsx";
import type { Model } from "./model.ts";

interface Props {
  model: Model;
}

/** Who is there, the way back, the menu. */
export class Head extends Component<Props, { isOpen: boolean }> {
  override state = { isOpen: false };
  #menu: HTMLElement | null = null;
  #button: HTMLElement | null = null;

  override render({ model }: Props) {
    const { words, view, site } = model;
    const assignee = view === "chat" ? model.current?.assignee : null;
    const title = view === "list" ? words.say("conversations") : (assignee?.name ?? model.siteText("title") ?? site?.name ?? words.say("title"));
    return (
      <header class="head">
        {view === "list" ? (
          <button type="button" class="tool" aria-label={words.say("back")} onClick={() => model.go("chat")}>
            <Icon name="back" />
          </button>
        ) : (
          <Faces names={assignee ? [assignee.name] : (site?.operators.map(({ name }) => name) ?? [])} title={title} />
        )}
        <div class="who">
          <h2 tabIndex={-1} dir="auto">{title}</h2>
          {view === "chat" && (
            <p class={model.isOnline ? "presence online" : "presence"} role="status">
              {model.isOnline ? words.say("online") : (model.siteText("away") ?? words.say("away"))}
            </p>
          )}
        </div>
        <button
          type="button"
          class="tool"
          aria-label={words.say("menu")}
          aria-expanded={this.state.isOpen}
          aria-controls="menu"
          ref={(element) => void (this.#button = element)}
          onClick={() => this.#open(!this.state.isOpen)}
        >
          <Icon name="more" />
        </button>
        <button type="button" class="tool" aria-label={words.say("closeChat")} onClick={() => model.host.close()}>
          <Icon name="close" />
        </button>
        {this.state.isOpen && this.#renderMenu(model)}
      </header>
    );
  }

  #renderMenu(model: Model) {
    const { words } = model;
    const item = (label: string, icon: "list" | "plus", act: () => void) => (
      <button type="button" role="menuitem" onClick={() => (this.#open(false), act())}>
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
        onFocusOut={({ relatedTarget }) => relatedTarget instanceof Node && !this.#isWithin(relatedTarget) && this.setState({ isOpen: false })}
      >
        {item(words.say("conversations"), "list", () => model.go("list"))}
        {model.earlier.length > 0 && item(words.say("newConversation"), "plus", () => model.choose(null))}
        {choice(words.say("sound"), "sound")}
        {choice(words.say("titleBadge"), "title")}
      </div>
    );
  }

  override componentDidUpdate(_: Props, before: { isOpen: boolean }): void {
    if (this.state.isOpen && !before.isOpen) this.#items()[0]?.focus();
  }

  #isWithin(node: Node): boolean {
    return this.#menu?.contains(node) === true || this.#button?.contains(node) === true;
  }

  #open(isOpen: boolean): void {
    if (!isOpen) this.#button?.focus();
    this.setState({ isOpen });
  }

  #items(): HTMLElement[] {
    return [...(this.#menu?.querySelectorAll("button") ?? [])];
  }

  #move(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.preventDefault();
      this.#open(false);
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

const Faces = ({ names, title }: { names: string[]; title: string }) => (
  <div class="faces" aria-hidden="true">
    {(names.length > 0 ? names : [title]).slice(0, 3).map((name) => (
      <span key={name} class="face">{initials(name)}</span>
    ))}
  </div>
);

/** The first letters of the first and the last word. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/u);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => [...(word ?? "")][0] ?? "").join("").toLocaleUpperCase();
}
