import type { MessageView, Tick } from "@switchboard/sdk";
import { Component } from "preact";
import type { Words } from "./i18n.ts";
import { Icon, type IconName } from "./icons.tsx";
import { initials } from "@switchboard/ui/initials";
import type { Model } from "./model.ts";
import { isFewEmoji, richText } from "./rich-text.tsx";

interface Props {
  model: Model;
  words: Words;
  message: MessageView;
  isFirst: boolean;
  isLast: boolean;
  showsMeta: boolean;
}

const TICKS: Record<Tick, IconName> = { queued: "clock", sent: "sent", delivered: "twice", read: "twice", failed: "failed" };

export class Message extends Component<Props> {
  /** A long conversation stays cheap: only what changed is drawn again. */
  override shouldComponentUpdate(next: Props): boolean {
    return (Object.keys(next) as (keyof Props)[]).some((name) => next[name] !== this.props[name]);
  }

  override render({ words, message, isFirst, isLast, showsMeta }: Props) {
    const { mine, sender, body, isDeleted } = message;
    const name = mine ? words.say("you") : (sender.name ?? words.say("team"));
    const classes = ["message", mine ? "mine" : "theirs", isFirst && "first", isLast && "last", isDeleted && "deleted"];
    const isBig = !isDeleted && isFewEmoji(body);
    return (
      <div class={classes.filter(Boolean).join(" ")} data-key={message.key}>
        {!mine && isLast && <span class="face" aria-hidden="true">{initials(name)}</span>}
        {mine || !isFirst ? <span class="unseen">{name}</span> : <span class="name" dir="auto">{name}</span>}
        <div class="line">
          <div class={isBig ? "body big" : "body"} dir="auto" tabIndex={-1}>{isDeleted ? words.say("deleted") : richText(body)}</div>
          {!isDeleted && message.tick !== "failed" && (
            <button type="button" class="act" aria-label={words.say("copy")} onClick={() => void this.#copy()}>
              <Icon name="copy" size={16} />
            </button>
          )}
        </div>
        {message.tick === "failed" ? this.#renderFailure() : showsMeta && this.#renderMeta()}
      </div>
    );
  }

  #renderMeta() {
    const { words, message } = this.props;
    const { tick, at, editedAt, isDeleted } = message;
    return (
      <div class={`meta ${tick ?? ""}`}>
        <time dateTime={at}>{words.time(at)}</time>
        {editedAt && !isDeleted && <span>{words.say("edited")}</span>}
        {tick && (
          <span class="tick" data-tick={tick} role="img" aria-label={words.say(tick)} title={words.say(tick)}>
            <Icon name={TICKS[tick]} size={15} />
          </span>
        )}
      </div>
    );
  }

  #renderFailure() {
    const { model, words, message } = this.props;
    const { key, error } = message;
    return (
      <div class="meta failed" role="alert">
        <Icon name="failed" size={15} />
        <span title={error?.message}>{words.say("failed")}</span>
        <button type="button" class="link" onClick={() => model.visitor.retry(key)}>{words.say("retry")}</button>
        <button type="button" class="link" onClick={() => model.visitor.discard(key)}>{words.say("delete")}</button>
      </div>
    );
  }

  async #copy(): Promise<void> {
    const { model, words, message } = this.props;
    const extras = await model.loadExtras();
    if (await extras?.copyText(message.body)) model.announce(words.say("copied"));
  }
}
