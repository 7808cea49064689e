// From the store to what an operator or user is shown of a message: what visitors are not told besides.
import type { Queued } from "../outbox/outbox.ts";
import type { Message } from "../protocol/schemas.ts";
import type { Chat, State } from "../store/store.ts";
import { messageView, queuedView } from "../visitor/views.ts";
import type { Tick } from "../visitor/api.ts";
import type { MemberMessage } from "./api.ts";

const views = new WeakMap<Message, MemberMessage>();

export function memberMessage(message: Message, state: State, chat: Chat | undefined): MemberMessage {
  const base = messageView(message, state, chat);
  const tick = base.mine && chat?.kind === "session" ? tickOfSession(message, chat) : base.tick;
  const made = views.get(message);
  if (made && made.tick === tick && made.mine === base.mine) return made;
  const view: MemberMessage = { ...base, tick, visibility: message.visibility ?? "public", changedSeq: message.changed_seq };
  views.set(message, view);
  return view;
}

/** A message to a visitor was read when the visitor has read it, whatever other operators did. */
function tickOfSession(message: Message, chat: Chat): Tick {
  let tick: Tick = "sent";
  for (const mark of chat.marks.values()) {
    if (mark.reader_type !== "client") continue;
    if (mark.read_seq >= message.seq) return "read";
    if (mark.delivered_seq >= message.seq) tick = "delivered";
  }
  return message.visibility === "staff" ? "sent" : tick;
}

export function queuedMessage(queued: Queued, state: State): MemberMessage {
  const view = queuedView(queued, state);
  const type = state.self?.role === "user" ? "user" : "operator";
  return { ...view, sender: { ...view.sender, type }, visibility: queued.visibility ?? "public", changedSeq: 0 };
}
