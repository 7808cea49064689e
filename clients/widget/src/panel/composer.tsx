import type { ConversationView } from "@switchboard/sdk";
import { Component } from "preact";
import { ContactFields, needs } from "./contact.tsx";
import { fault } from "./fault.ts";
import type { PlainKey } from "./i18n.ts";
import { Icon } from "./icons.tsx";
import { MESSAGE_LIMIT, type Model } from "./model.ts";

interface Props {
  model: Model;
  conversation: ConversationView | null;
}
interface State {
  name: string;
  email: string;
  faults: Partial<Record<"name" | "email", PlainKey | null>>;
}

const DRAFT_AFTER_MS = 300;
const COUNTED_FROM = MESSAGE_LIMIT - 500;

/** What the server counts: characters, not UTF-16 units. */
const lengthOf = (text: string): number => (text.length < COUNTED_FROM ? text.length : [...text].length);

export class Composer extends Component<Props, State> {
  override state: State = { name: "", email: "", faults: {} };
  #text = "";
  #key: string | null = null;
  #timer = 0;
  #isPointing = false;
  #field: HTMLTextAreaElement | null = null;
  #form: HTMLFormElement | null = null;
  #leave = () => this.#keep();

  override render({ model, conversation }: Props, { name, email, faults }: State) {
    const { words } = model;
    this.#takeDraft(conversation);
    const length = lengthOf(this.#text);
    const left = MESSAGE_LIMIT - length;
    const isBlank = this.#text.trim() === "";
    return (
      <form class="composer" noValidate ref={(element) => void (this.#form = element)} onSubmit={(event) => this.#submit(event)}>
        {this.#isFirst() && !model.lacksIdentity && (
          <ContactFields
            model={model}
            values={{ name, email }}
            faults={faults}
            onChange={(field, value) => this.setState({ ...this.state, [field]: value, faults: { ...faults, [field]: null } })}
          />
        )}
        {length >= COUNTED_FROM && (
          <p class={left < 0 ? "count over" : "count"} id="sb-count" role="status">
            {left < 0 ? words.count("tooLong", -left) : words.count("left", left)}
          </p>
        )}
        <div class="write">
          <textarea
            rows={1}
            dir={this.#text === "" ? undefined : "auto"}
            aria-label={words.say("message")}
            aria-describedby={length >= COUNTED_FROM ? "sb-count" : undefined}
            aria-invalid={left < 0 ? true : undefined}
            placeholder={words.say("placeholder")}
            disabled={model.lacksIdentity}
            enterkeyhint="send"
            value={this.#text}
            ref={(element) => void (this.#field = element)}
            onInput={({ currentTarget }) => this.#typed(currentTarget.value)}
            onKeyDown={(event) => this.#pressed(event)}
            onBlur={() => this.#keep()}
          />
          <button type="submit" class="send" aria-label={words.say("send")} disabled={isBlank || left < 0 || model.lacksIdentity}>
            <Icon name="send" size={20} />
          </button>
        </div>
      </form>
    );
  }

  override componentDidMount(): void {
    addEventListener("pagehide", this.#leave);
    this.componentDidUpdate();
  }

  override componentDidUpdate(): void {
    this.#takeBack();
    this.#fit();
    const wrong = this.#isPointing && this.#form?.querySelector<HTMLElement>(".field [aria-invalid]");
    if (wrong) {
      this.#isPointing = false;
      wrong.focus();
    }
    const { model } = this.props;
    if (!model.wantsFocus || !model.isShown) return;
    model.wantsFocus = false;
    // A field that is off takes no focus; the keys, such as Escape, must be the panel's all the same.
    (model.lacksIdentity ? this.#form?.closest(".panel")?.querySelector("h2") : this.#field)?.focus({ preventScroll: true });
  }

  override componentWillUnmount(): void {
    removeEventListener("pagehide", this.#leave);
    this.#keep();
  }

  #isFirst(): boolean {
    const { model, conversation } = this.props;
    return model.earlier.length === 0 && !conversation;
  }

  /** Each conversation has a draft of its own. */
  #takeDraft(conversation: ConversationView | null): void {
    const key = `draft.${conversation?.id ?? 0}`;
    if (key === this.#key) return;
    // The first message gives the conversation its id; what is being written meanwhile goes with it.
    const isSame = this.#key === "draft.0" && this.#text !== "";
    if (isSame) this.props.model.storage.set("draft.0", "");
    else this.#keep();
    this.#key = key;
    if (!isSame) this.#text = this.props.model.storage.get(key) ?? "";
  }

  #keep(): void {
    clearTimeout(this.#timer);
    if (this.#key) this.props.model.storage.set(this.#key, this.#text);
  }

  #typed(text: string): void {
    this.#text = text;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#keep(), DRAFT_AFTER_MS);
    this.props.model.typed(text === "");
    this.forceUpdate();
  }

  #pressed(event: KeyboardEvent): void {
    // 229 is what Safari says for the Enter that ends a composition.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#form?.requestSubmit();
  }

  #submit(event: Event): void {
    event.preventDefault();
    const { model } = this.props;
    const body = this.#text.trim();
    if (body === "" || lengthOf(body) > MESSAGE_LIMIT) return;
    if (this.#isFirst() && !this.#giveContact()) return;
    this.#text = "";
    this.#keep();
    model.send(body);
    this.forceUpdate();
    this.#field?.focus({ preventScroll: true });
  }

  /** Checks and hands over name and e-mail; false if something is missing. */
  #giveContact(): boolean {
    const { model } = this.props;
    const asked = needs(model);
    const typed = (field: "name" | "email") => (asked[field] === "off" ? "" : this.state[field].trim());
    const [name, email] = [typed("name"), typed("email")];
    const faults = { name: fault("name", name, asked.name), email: fault("email", email, asked.email) };
    if (faults.name || faults.email) {
      this.#point(faults);
      return false;
    }
    const profile = { ...(name && { name }), ...(email && { email }) };
    if (Object.keys(profile).length > 0) void model.visitor.setProfile(profile, "visitor").catch(() => undefined);
    // Left out or given: it was asked, and is not asked again below what was written.
    if (asked.email !== "off") model.storage.set("contact", "1");
    return true;
  }

  /** The first of them gets the focus as soon as it is there. */
  #point(faults: State["faults"]): void {
    this.#isPointing = true;
    this.setState({ faults });
  }

  /** The server refuses the name or the e-mail: what was sent with it is there to be sent again, as if the mistake had been seen here. */
  #takeBack(): void {
    const { model } = this.props;
    const { current, refused, storage } = model;
    const failed = current?.id === 0 ? current.messages.filter(({ tick }) => tick === "failed") : [];
    if (!refused || failed.length === 0) return;
    this.#text = [...failed.map(({ body }) => body), this.#text].join("\n").trim();
    // The visitor has spoken: from now on it may be kept over a reload.
    storage.last();
    this.#keep();
    for (const { key } of failed) model.visitor.discard(key);
    storage.set("contact", "");
    this.#point({ [refused]: refused === "name" ? "nameMissing" : "emailWrong" });
  }

  #fit(): void {
    const field = this.#field;
    if (!field) return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }
}
