import type { ConversationView } from "@switchboard/sdk";
import { Component } from "preact";
import { Icon } from "../icons.tsx";
import { initials } from "@switchboard/ui/initials";
import type { Model } from "../model.ts";

interface Props {
  model: Model;
}

/** Who has the conversation, else the last operator who wrote in it, as far as this browser knows. */
export function partnerIn({ assignee, messages, lastMessage }: ConversationView): string | null {
  const known = lastMessage ? [...messages, lastMessage] : messages;
  return assignee?.name ?? known.filter(({ sender }) => sender.type === "operator" && sender.name).at(-1)?.sender.name ?? null;
}

/** Earlier conversations of this browser or person, newest first. */
export class ConversationList extends Component<Props> {
  #list: HTMLElement | null = null;

  override render({ model }: Props) {
    const { words, earlier } = model;
    return (
      <div class="list" ref={(element) => void (this.#list = element)}>
        {earlier.length === 0 && <p class="nothing">{words.say("noConversations")}</p>}
        {earlier.length > 0 && <ul>{earlier.map((conversation) => <li key={conversation.id}>{this.#renderOne(conversation)}</li>)}</ul>}
        <button type="button" class="primary" onClick={() => model.choose(null)}>
          <Icon name="plus" size={18} />
          {words.say("newConversation")}
        </button>
      </div>
    );
  }

  #renderOne(conversation: ConversationView) {
    const { model } = this.props;
    const { words } = model;
    const { id, lastMessage, unread, createdAt } = conversation;
    const name = partnerIn(conversation) ?? model.site?.name ?? words.say("team");
    return (
      <button type="button" class="entry" onClick={() => model.choose(id)}>
        <span class="face" aria-hidden="true">{initials(name)}</span>
        <span class="text">
          <b dir="auto">{name}</b>
          <span class="soft" dir="auto">
            {lastMessage?.mine && `${words.say("you")}: `}
            {lastMessage ? (lastMessage.isDeleted ? words.say("deleted") : lastMessage.body.slice(0, 120)) : words.say("noMessages")}
          </span>
        </span>
        <span class="aside">
          <time class="soft" dateTime={lastMessage?.at ?? createdAt}>{words.timeOrDay(lastMessage?.at ?? createdAt)}</time>
          {unread > 0 && <span class="dot" role="img" aria-label={words.count("unread", unread)}>{unread > 99 ? "99+" : unread}</span>}
        </span>
      </button>
    );
  }

  override componentDidMount(): void {
    this.props.model.wantsFocus = false;
    this.#list?.querySelector("button")?.focus({ preventScroll: true });
  }
}
