/** A conversation as lines: days, where the unread begins, actions, and messages in groups. */
import type { MemberMessage } from "@switchboard/sdk";
import type { Action } from "./activity.ts";

export type Line =
  | { kind: "day"; key: string; at: string }
  | { kind: "new"; key: string }
  | { kind: "action"; key: string; action: Action }
  | { kind: "message"; key: string; message: MemberMessage; isFirst: boolean; showsTick: boolean };

const GROUP_MS = 5 * 60_000;
const dayOf = (at: string): string => new Date(at).toDateString();
const authorOf = ({ mine, sender, visibility }: MemberMessage): string => `${mine ? "me" : `${sender.type}:${sender.id}`} ${visibility}`;

const isOneGroup = (one: MemberMessage, other: MemberMessage): boolean =>
  authorOf(one) === authorOf(other) && dayOf(one.at) === dayOf(other.at) && Date.parse(other.at) - Date.parse(one.at) < GROUP_MS;

/** `hasOlder`: actions from before the first message wait until that part is read. */
export function linesOf(messages: readonly MemberMessage[], actions: readonly Action[], unreadFrom: number | null, hasOlder: boolean): Line[] {
  const lines: Line[] = [];
  const from = hasOlder ? (messages[0]?.seq ?? 0) : 0;
  const waiting = actions.filter(({ seq }) => seq > from);
  let day = "";
  let before: MemberMessage | null = null;
  let isNewShown = unreadFrom === null;
  const newDay = (at: string) => {
    if (dayOf(at) === day) return;
    day = dayOf(at);
    lines.push({ kind: "day", key: `day ${day}`, at });
    before = null;
  };
  const actionsUpTo = (seq: number) => {
    for (let action = waiting[0]; action && action.seq < seq; action = waiting[0]) {
      waiting.shift();
      newDay(action.at);
      lines.push({ kind: "action", key: `action ${action.seq}`, action });
      before = null;
    }
  };
  messages.forEach((message, index) => {
    actionsUpTo(message.seq ?? Infinity);
    newDay(message.at);
    if (!isNewShown && message.sender.type === "client" && message.seq !== null && message.seq > (unreadFrom ?? 0)) {
      lines.push({ kind: "new", key: "new" });
      isNewShown = true;
      before = null;
    }
    const next = messages[index + 1];
    const showsTick = message.mine && (message.tick !== next?.tick || !next.mine || message.tick === "failed" || message.tick === "queued");
    lines.push({ kind: "message", key: message.key, message, isFirst: !before || !isOneGroup(before, message), showsTick });
    before = message;
  });
  actionsUpTo(Infinity);
  return lines;
}
