// What is held of a chat that nobody looks at: its newest messages. An operator hears of all chats of its sites for as long as
// the page lives, so all of them would be without end.
import { inOrder, type Chat, type Self } from "../store/store.ts";
import { type Facts, isUnread } from "./facts.ts";

const KEPT = 20;
const MOST = 60;

/** Drops what is old, and counts into the facts what of it was unread. Null where nothing was dropped. */
export function bounded(chat: Chat, facts: Facts | undefined, self: Self | null): { facts: Facts | undefined } | null {
  if (chat.messages.size <= MOST) return null;
  const dropped = inOrder(chat).slice(0, -KEPT);
  const last = dropped.at(-1)?.seq ?? 0;
  const mark = chat.marks.get(`${self?.type}:${self?.id}`)?.read_seq ?? 0;
  const told = facts && mark <= facts.unread.mark ? facts.unread : { count: 0, upTo: mark, mark };
  const count = dropped.filter((message) => message.seq > told.upTo && message.seq > mark && isUnread(chat, message, self)).length;
  for (const { id } of dropped) chat.messages.delete(id);
  chat.isRead = chat.hasOlder = false;
  chat.generation++;
  chat.version++;
  return { facts: facts && { ...facts, unread: { count: told.count + count, upTo: Math.max(told.upTo, last), mark } } };
}
