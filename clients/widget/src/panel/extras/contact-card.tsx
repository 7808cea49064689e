import type { ConversationView } from "@switchboard/sdk";
import { Component } from "preact";
import { fault } from "../fault.ts";
import type { PlainKey } from "../i18n.ts";
import type { Model } from "../model.ts";

interface CardProps {
  model: Model;
  conversation: ConversationView | null;
}
type CardState = { email: string; fault: PlainKey | null; done: string | null };

/** Where nobody is there and no address is known: one is asked for below what was written. */
export class ContactCard extends Component<CardProps, CardState> {
  override state: CardState = { email: "", fault: null, done: null };

  override render({ model, conversation }: CardProps, { email, fault, done }: CardState) {
    const { words } = model;
    if (done) return <p class="notice" role="status">{words.say("saved", { email: done })}</p>;
    const isWanted = conversation !== null && conversation.id !== 0 && !model.isOnline && !model.knows("email") && !model.storage.get("contact");
    if (!isWanted || !conversation.messages.some(({ mine }) => mine)) return null;
    return (
      <form class="card" noValidate onSubmit={(event) => void this.#save(event)}>
        <label for="sb-later">{words.say("emailWhy")}</label>
        <div class="pair">
          <input
            id="sb-later"
            type="email"
            autocomplete="email"
            placeholder={words.say("email")}
            value={email}
            aria-invalid={fault ? true : undefined}
            aria-describedby={fault ? "sb-later-fault" : undefined}
            onInput={({ currentTarget }) => this.setState({ email: currentTarget.value, fault: null })}
          />
          <button type="submit" class="primary">{words.say("save")}</button>
        </div>
        {fault && <p class="fault" id="sb-later-fault" role="alert">{words.say(fault)}</p>}
      </form>
    );
  }

  async #save(event: Event): Promise<void> {
    event.preventDefault();
    const { model } = this.props;
    const email = this.state.email.trim();
    const wrong = fault("email", email, "required");
    if (wrong) {
      this.setState({ fault: wrong });
      return;
    }
    try {
      await model.visitor.setProfile({ email });
      model.storage.set("contact", "1");
      this.setState({ done: email });
    } catch (error) {
      this.setState({ fault: (error as { code?: string }).code === "invalid" ? "emailWrong" : "notSaved" });
    }
  }
}
