/** A message that came while the panel is closed, beside the launcher: in the box that is the panel's when it is open. */
import { initials } from "@switchboard/ui/initials";
import { Component } from "preact";
import { adopt } from "../../shared/sheet.ts";
import { place } from "../../page/preview-box.ts";
import { Icon } from "../icons.tsx";
import type { Model } from "../model.ts";
import { type News, newsOf } from "./news.ts";
import styles from "./preview.css?inline";

interface Props {
  model: Model;
}

/** More than three lines of them are never in sight. */
const SHOWN_LENGTH = 300;
/** A screen reader says what changes in a status that is there already. */
const SAID_AFTER_MS = 150;
const SEEN = "seen";

export class Preview extends Component<Props, { said: string }> {
  override state = { said: "" };
  #news: News | null = null;
  /** The id of the message that is said, or about to be. */
  #saying = 0;
  #timer = 0;
  #height = 0;
  #content: HTMLElement | null = null;
  #observer = new ResizeObserver(() => this.#place());
  /** What is hidden or opened in one tab goes in the others too. */
  #heardOfSeen = ({ key, newValue }: StorageEvent) => {
    if (!key?.endsWith(`.${this.props.model.settings.site}.${SEEN}`)) return;
    this.#note(Number(newValue));
    this.forceUpdate();
  };

  constructor(props: Props) {
    super(props);
    adopt(props.model.root, styles);
    addEventListener("storage", this.#heardOfSeen);
  }

  override render({ model }: Props, { said }: { said: string }) {
    const { words } = model;
    const news = newsOf(model.snapshot, this.#seen, model.heard);
    this.#news = news;
    if (!news || model.isShown) return null;
    const { message, more } = news;
    const name = message.sender.name ?? words.say("team");
    return (
      <div class="preview" onKeyDown={(event) => this.#pressed(event)}>
        <div class="peek" ref={(element) => void (this.#content = element)}>
          <button type="button" class="answer" onClick={() => this.#open()}>
            <span class="face" aria-hidden="true">{initials(name)}</span>
            <span class="text">
              <b dir="auto">{name}</b>
              <span class="lines" dir="auto">{shorten(message.body)}</span>
              {more > 0 && <span class="more">{words.count("more", more)}</span>}
            </span>
          </button>
          <button type="button" class="hide" aria-label={words.say("hide")} onClick={() => this.#hide()}>
            <Icon name="close" size={16} />
          </button>
        </div>
        <p class="unseen" role="status" dir="auto">{said}</p>
      </div>
    );
  }

  override componentDidMount(): void {
    this.componentDidUpdate();
  }

  override componentDidUpdate(): void {
    const { model } = this.props;
    // Whoever has opened the panel has seen that it came, read or not.
    if (model.isShown && this.#news) this.#note(this.#news.id);
    this.#observer.disconnect();
    if (this.#content) this.#observer.observe(this.#content);
    this.#place();
    this.#saySoon();
  }

  override componentWillUnmount(): void {
    removeEventListener("storage", this.#heardOfSeen);
    this.#observer.disconnect();
    clearTimeout(this.#timer);
    this.#tell(0);
  }

  get #seen(): number {
    return Number(this.props.model.storage.get(SEEN));
  }

  #note(id: number): void {
    if (id > this.#seen) this.props.model.storage.set(SEEN, `${id}`);
  }

  #open(): void {
    const { model } = this.props;
    if (!this.#news) return;
    model.choose(this.#news.conversationId);
    model.host.open(true);
  }

  #hide(): void {
    if (!this.#news) return;
    this.#note(this.#news.id);
    this.forceUpdate();
  }

  #pressed(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    event.preventDefault();
    this.#hide();
  }

  #place(): void {
    // Its height as it is laid out: the box may be on its way into sight.
    this.#tell(this.#content ? Math.ceil(Number.parseFloat(getComputedStyle(this.#content).height)) : 0);
  }

  #tell(height: number): void {
    if (height === this.#height) return;
    this.#height = height;
    const { host, root } = this.props.model;
    if (host.preview) host.preview(height);
    else place(root, height);
  }

  #saySoon(): void {
    const { model } = this.props;
    const id = this.#content ? (this.#news?.id ?? 0) : 0;
    if (id === this.#saying) return;
    this.#saying = id;
    clearTimeout(this.#timer);
    if (this.state.said) this.setState({ said: "" });
    const { message } = this.#news ?? {};
    if (!id || !message) return;
    const said = shorten(`${message.sender.name ?? model.words.say("team")}: ${message.body}`);
    this.#timer = window.setTimeout(() => this.setState({ said }), SAID_AFTER_MS);
  }
}

/** Without empty lines, and without half of a character at its end. */
const shorten = (body: string): string =>
  body
    .slice(0, SHOWN_LENGTH)
    .trim()
    .replace(/\s*\n\s*/g, "\n")
    .replace(/[\ud800-\udbff]$/, "");
