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
  const firstNew = unreadFrom === null ? -1 : messages.findIndex(({ mine, seq }) => !mine && seq !== null && seq > unreadFrom);
  const isOneBlock = (i: number) => i !== firstNew && isOneGroup(messages[i - 1], messages[i]);
  messages.forEach((message, i) => {
    const before = messages[i - 1];
    if (!before || dayOf(before.at) !== dayOf(message.at)) rows.push({ kind: "day", key: `day:${dayOf(message.at)}:${message.key}`, at: message.at });
    if (i === firstNew) rows.push({ kind: "new", key: "new" });
    const isLast = !isOneBlock(i + 1);
    const showsMeta = isLast || message.tick === "failed" || message.tick !== messages[i + 1]?.tick;
    rows.push({ kind: "message", key: message.key, message, isFirst: !isOneBlock(i), isLast, showsMeta });
  });
  return rows;
}
