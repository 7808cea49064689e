import { Avatar, Badge, Icon, most, type RowState } from "@switchboard/ui";
import { now } from "../app/clock.ts";
import * as icons from "../app/icons.ts";
import { useConsole } from "../app/context.ts";
import type { Row } from "../desk/rows.ts";
import { many, t, times } from "../words/words.ts";

const LONG_MS = 5 * 60_000;

/** One conversation in a list: who, what was written last, when, how long it waits. */
export function ConversationRow({ row, state }: { row: Row; state: RowState }) {
  const console = useConsole();
  const { desk, chosen } = console;
  const isUnread = row.unread > 0 || row.isMarkedUnread;
  const sites = desk.directory.names.value?.sites ?? [];
  const site = sites.length > 1 ? sites.find(({ id }) => id === row.siteId) : undefined;
  const isChosen = chosen.value.has(row.id);
  const mine = row.assignee?.id === desk.account.id;
  return (
    <div class={isUnread ? "conv conv-unread" : "conv"} data-id={row.id}>
      <span class={isChosen ? "conv-face conv-chosen" : "conv-face"}>
        {isChosen ? <Icon icon={icons.sent} size={18} /> : <Avatar name={row.name} id={`c${row.clientId}`} size={32} />}
      </span>
      <span class="conv-text">
        <span class="conv-line">
          <span class="conv-name" dir="auto">{row.name}</span>
          <span class="conv-time">{times().timeOrDay(row.last?.at ?? row.changedAt)}</span>
        </span>
        <span class="conv-line">
          <Snippet row={row} />
          {row.hasFailed && <Badge tone="danger" label={t("failed")}>!</Badge>}
          {isUnread && <Badge tone="accent" label={many("unreadMessages", Math.max(1, row.unread))}>{most(Math.max(1, row.unread))}</Badge>}
        </span>
        <span class="conv-line conv-facts">
          {row.waitingSince && row.status !== "closed" && <Waiting since={row.waitingSince} />}
          {site && <span class="conv-site" dir="auto">{site.name}</span>}
          {row.assignee && <span class="conv-site" dir="auto">{mine ? t("you") : row.assignee.name}</span>}
          {row.status === "pending" && <span>{t("pending")}</span>}
          {row.isBanned && <span>{t("banned")}</span>}
        </span>
      </span>
      {state.gone && <span class="ui-unseen">{t("leftList")}</span>}
    </div>
  );
}

function Waiting({ since }: { since: string }) {
  const isLong = now.value - Date.parse(since) > LONG_MS;
  return (
    <span class={isLong ? "conv-waits conv-long" : "conv-waits"}>
      <Icon icon={icons.clock} size={12} />
      <span class="ui-unseen">{t("waits")}</span>
      {times().since(since, now.value)}
    </span>
  );
}

const LENGTH = 160;

function Snippet({ row }: { row: Row }) {
  if (row.isTyping) return <span class="conv-snippet conv-typing">{t("types")}</span>;
  if (row.hasDraft) {
    return (
      <span class="conv-snippet" dir="auto">
        <b class="conv-draft">{t("draft")}</b> {row.last?.body.slice(0, LENGTH)}
      </span>
    );
  }
  const { last } = row;
  if (!last) return <span class="conv-snippet">{t("noMessages")}</span>;
  if (last.isDeleted) return <span class="conv-snippet">{t("deleted")}</span>;
  const isNote = last.visibility === "staff";
  return (
    <span class="conv-snippet" dir="auto">
      {isNote && <b class="conv-note">{t("note")}</b>}
      {!isNote && last.mine && <span>{t("youSaid")}</span>} {last.body.slice(0, LENGTH)}
    </span>
  );
}
