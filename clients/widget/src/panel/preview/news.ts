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

/** A message that came while the page is open, and its conversation. */
type Heard = readonly [message: MessageView, conversationId: number] | null;

/** The newest answer of a conversation that has one unread. What was heard of one that is not connected is not among its messages. */
function answerOf({ id, unread, messages, lastMessage }: ConversationView, heard: Heard): MessageView | null {
  if (unread === 0) return null;
  const beside = heard?.[1] === id ? [lastMessage, heard[0]] : [lastMessage];
  const known = [...messages, ...beside.filter((one) => one !== null && !messages.some((message) => message.id === one.id))] as MessageView[];
  return known.filter(isAnswer).reduce<MessageView | null>((newest, one) => ((one.id ?? 0) > (newest?.id ?? 0) ? one : newest), null);
}

/**
 * What a visitor who has not looked is shown: the newest unread answer. `seen` is the id up to which the visitor has seen or hidden
 * them. An answer of more than a day ago is for the badge alone, unless it came while the page was open: clocks of visitors go wrong.
 */
export function newsOf({ conversations, unread }: VisitorSnapshot, seen: number, heard: Heard, now = Date.now()): News | null {
  let news: News | null = null;
  for (const conversation of conversations) {
    const message = answerOf(conversation, heard);
    const id = message?.id ?? 0;
    if (message && id > (news?.id ?? seen)) news = { conversationId: conversation.id, message, id, more: unread - 1 };
  }
  const isNew = !!news && news.id >= (heard?.[0].id ?? Infinity);
  return news && (isNew || now - Date.parse(news.message.at) < DAY_MS) ? news : null;
}
