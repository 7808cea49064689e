import type { ConversationView, MessageView, VisitorSnapshot } from "@switchboard/sdk";

export interface News {
  conversationId: number;
  message: MessageView;
  id: number;
  /** How many are unread besides. */
  more: number;
}

const DAY_MS = 86_400_000;

const isAnswer = ({ mine, isDeleted, sender }: MessageView): boolean => !mine && !isDeleted && sender.type !== "system";

/** The newest answer of a conversation that has one unread. */
function answerOf({ unread, messages, lastMessage }: ConversationView): MessageView | null {
  if (unread === 0) return null;
  const known = lastMessage ? [...messages, lastMessage] : messages;
  return known.filter(isAnswer).reduce<MessageView | null>((newest, one) => ((one.id ?? 0) > (newest?.id ?? 0) ? one : newest), null);
}

/**
 * What a visitor who has not looked is shown: the newest unread answer. `seen` is the id up to which the visitor has seen or hidden
 * them. An answer of more than a day ago is for the badge alone, unless it came while the page was open (from the id `heard` on):
 * clocks of visitors go wrong.
 */
export function newsOf({ conversations, unread }: VisitorSnapshot, seen: number, heard: number, now = Date.now()): News | null {
  let news: News | null = null;
  for (const conversation of conversations) {
    const message = answerOf(conversation);
    const id = message?.id ?? 0;
    if (message && id > (news?.id ?? seen)) news = { conversationId: conversation.id, message, id, more: unread - 1 };
  }
  return news && (news.id >= heard || now - Date.parse(news.message.at) < DAY_MS) ? news : null;
}
