import type { MessageView } from "@switchboard/sdk";

export type Row =
  | { kind: "day"; key: string; at: string }
  | { kind: "new"; key: string }
  | { kind: "message"; key: string; message: MessageView; isFirst: boolean; isLast: boolean; showsMeta: boolean };

const GROUP_MS = 5 * 60_000;

const dayOf = (at: string): string => new Date(at).toDateString();
const senderOf = ({ mine, sender }: MessageView): string => (mine ? "me" : `${sender.type}:${sender.id}`);

/** Whether two neighbours are drawn as one block. */
function isOneGroup(one: MessageView | undefined, other: MessageView | undefined): boolean {
  if (!one || !other || senderOf(one) !== senderOf(other)) return false;
  return dayOf(one.at) === dayOf(other.at) && Math.abs(Date.parse(other.at) - Date.parse(one.at)) < GROUP_MS;
}

/** A conversation as lines: days, where the unread begins, and messages in groups. */
export function rowsOf(messages: readonly MessageView[], unreadFrom: number | null): Row[] {
  const rows: Row[] = [];
  let isDivided = unreadFrom === null;
  messages.forEach((message, i) => {
    const before = messages[i - 1];
    const after = messages[i + 1];
    const startsDay = !before || dayOf(before.at) !== dayOf(message.at);
    if (startsDay) rows.push({ kind: "day", key: `day:${dayOf(message.at)}:${message.key}`, at: message.at });
    const isNew = !isDivided && !message.mine && message.seq !== null && message.seq > (unreadFrom ?? 0);
    if (isNew) {
      isDivided = true;
      rows.push({ kind: "new", key: "new" });
    }
    const isFirst = isNew || !isOneGroup(before, message);
    const isLast = !isOneGroup(message, after);
    const showsMeta = isLast || message.tick === "failed" || message.tick !== after?.tick;
    rows.push({ kind: "message", key: message.key, message, isFirst, isLast, showsMeta });
  });
  return rows;
}
