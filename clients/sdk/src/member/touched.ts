// Which chats an action has changed.
import { chatOf } from "../protocol/frames.ts";
import type { ManyAction } from "../store/many_chats.ts";
import type { Chat } from "../store/store.ts";

/** `told` are the versions that were told of last, for actions that may change any chat. */
export function chatsOf(action: ManyAction, chats: ReadonlyMap<number, Chat>, told: ReadonlyMap<number, number>): Iterable<number> {
  switch (action.type) {
    case "frame": {
      const { frame } = action;
      const id = chatOf(frame);
      if (frame.type === "resync" && frame.chats.length > 0) return frame.chats;
      return id === undefined || frame.type === "connected" ? changedSince(chats, told) : [id];
    }
    case "session":
      return [action.session.session_id];
    case "listed":
      return [action.chat.chat_id];
    case "message":
      return [action.message.chat_id];
    case "forget":
      return action.chats;
    case "time":
      return changedSince(chats, told);
    default:
      return [action.chat];
  }
}

function* changedSince(chats: ReadonlyMap<number, Chat>, told: ReadonlyMap<number, number>): Iterable<number> {
  for (const { id, version } of chats.values()) if (told.get(id) !== version) yield id;
}
