import { Avatar, Icon, IconButton } from "@switchboard/ui";
import type { MemberMessage, MemberClient } from "@switchboard/sdk";
import { memo } from "./memo.ts";
import * as icons from "../app/icons.ts";
import { format } from "../app/route.ts";
import { type PlainKey, t, times } from "../words/words.ts";
import { richText } from "./rich-text.tsx";

interface Props {
  /** The conversation, for links to the message. */
  chat: number;
  message: MemberMessage;
  isFirst: boolean;
  showsTick: boolean;
  isFound: boolean;
  client: MemberClient;
  /** How the visitor is shown. */
  visitor: { name: string; id: number };
  onCopy(text: string): void;
}

const TICKS: Record<NonNullable<MemberMessage["tick"]>, { icon: (typeof icons)[keyof typeof icons]; label: PlainKey }> = {
  queued: { icon: icons.clock, label: "queued" },
  sent: { icon: icons.sent, label: "sent" },
  delivered: { icon: icons.delivered, label: "delivered" },
  read: { icon: icons.delivered, label: "read" },
  failed: { icon: icons.failed, label: "failed" },
};

export const Message = memo(function Message({ chat, message, isFirst, showsTick, isFound, client, visitor, onCopy }: Props) {
  const { sender, body, at, visibility, tick, isDeleted, editedAt, error, key, mine, id } = message;
  const isVisitor = sender.type === "client";
  const isNote = visibility === "staff";
  if (sender.type === "system") {
    return (
      <p class="log-action" dir="auto">
        {body}
      </p>
    );
  }
  const name = isVisitor ? visitor.name : mine ? t("you") : (sender.name ?? t("system"));
  const classes = ["msg", isVisitor ? "msg-in" : "msg-out", isNote && "msg-note", isFirst && "msg-first", isFound && "msg-found", tick === "failed" && "msg-failed"].filter(Boolean).join(" ");
  return (
    <article class={classes} data-id={id} aria-label={`${name}${isNote ? `, ${t("note")}` : ""}, ${times().time(at)}`}>
      <span class="msg-face">{isFirst && <Avatar name={sender.name ?? name} id={isVisitor ? `c${visitor.id}` : `u${sender.id}`} size={28} />}</span>
      <div class="msg-main">
        {isFirst && (
          <p class="msg-who">
            <b dir="auto">{name}</b>
            {isNote && <span class="msg-kind">{t("noteOnly")}</span>}
            {id === null ? (
              <time class="msg-time" dateTime={at}>{times().time(at)}</time>
            ) : (
              <a class="msg-time" tabIndex={-1} href={format({ page: "lists", list: "open", chat, message: id })}>
                <time dateTime={at} title={times().full(at)}>{times().time(at)}</time>
              </a>
            )}
          </p>
        )}
        {isDeleted ? (
          <p class="msg-body msg-gone">{t("deleted")}</p>
        ) : (
          <p class="msg-body" dir="auto">
            {richText(body)}
            {editedAt && <span class="msg-edited"> {t("edited")}</span>}
          </p>
        )}
        {tick === "failed" && (
          <p class="msg-error" role="alert">
            <Icon icon={icons.failed} size={14} />
            <span dir="auto">{t("notSent")}{error ? ` (${error.message})` : ""}</span>
            <button type="button" class="link" onClick={() => client.retry(key)}>{t("retry")}</button>
            <button type="button" class="link" onClick={() => client.discard(key)}>{t("delete")}</button>
          </p>
        )}
      </div>
      <span class="msg-side">
        {!isDeleted && (
          <IconButton class="msg-more" icon={icons.copy} label={t("copyText")} size="small" onClick={() => onCopy(body)} />
        )}
        {tick && showsTick && tick !== "failed" && !isNote && (
          <span class={tick === "read" ? "msg-tick msg-read" : "msg-tick"} role="img" aria-label={t(TICKS[tick].label)} title={t(TICKS[tick].label)}>
            <Icon icon={TICKS[tick].icon} size={14} />
          </span>
        )}
        {tick === "queued" && isNote && (
          <span class="msg-tick" role="img" aria-label={t("queued")}>
            <Icon icon={icons.clock} size={14} />
          </span>
        )}
      </span>
    </article>
  );
});
