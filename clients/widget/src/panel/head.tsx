import { Component } from "preact";
import { Icon } from "./icons.tsx";
import { initials } from "@switchboard/ui/initials";
import type { Model } from "./model.ts";

interface Props {
  model: Model;
}

/** Who is there, the way back, the menu. */
export class Head extends Component<Props, { isOpen: boolean }> {
  override state = { isOpen: false };
  #button: HTMLElement | null = null;

  override render({ model }: Props) {
    const { words, view, site, extras } = model;
    const assignee = view === "chat" ? model.current?.assignee : null;
    const title = view === "list" ? words.say("conversations") : (assignee?.name ?? model.siteText("title") ?? site?.name ?? words.say("title"));
    return (
      <div class="head">
        {view === "list" ? (
          <button type="button" class="tool" aria-label={words.say("back")} onClick={() => model.go("chat")}>
            <Icon name="back" />
          </button>
        ) : (
          <Faces names={assignee ? [assignee.name] : (site?.operators.map(({ name }) => name) ?? [])} title={title} />
        )}
        <div class="who">
          <h2 tabIndex={-1}>
            <bdi>{title}</bdi>
          </h2>
          {view === "chat" && (
            <p class={model.isOnline ? "presence online" : "presence"} role="status">
              {words.say(model.isOnline ? "online" : "away")}
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
          onClick={() => (void model.loadExtras(), this.#open(!this.state.isOpen))}
        >
          <Icon name="more" />
        </button>
        <button type="button" class="tool" aria-label={words.say("closeChat")} onClick={() => model.host.close()}>
          <Icon name="close" />
        </button>
        {this.state.isOpen && extras && <extras.Menu model={model} button={this.#button} close={(takeFocus) => (takeFocus ? this.#open(false) : this.setState({ isOpen: false }))} />}
      </div>
    );
  }

  #open(isOpen: boolean): void {
    if (!isOpen) this.#button?.focus();
    this.setState({ isOpen });
  }
}

const Faces = ({ names, title }: { names: string[]; title: string }) => (
  <div class="faces" aria-hidden="true">
    {(names.length > 0 ? names : [title]).slice(0, 3).map((name) => (
      <span key={name} class="face">{initials(name)}</span>
    ))}
  </div>
);
