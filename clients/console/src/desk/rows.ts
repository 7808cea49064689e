/** A conversation as lists show it, made of what the SDK holds and of what the operator has just done. */
import type { ChatView, ContactCard, MemberMessage, Session } from "@switchboard/sdk";

export interface Row {
  id: number;
  name: string;
  email: string | null;
  /** Of the visitor's device; decides on the colour. */
  clientId: number;
  siteId: number;
  status: Session["status"];
  assignee: { id: number; name: string } | null;
  isBanned: boolean;
  last: MemberMessage | null;
  unread: number;
  /** Set by hand. */
  isMarkedUnread: boolean;
  waitingSince: string | null;
  changedAt: string;
  createdAt: string;
  contact: ContactCard | null;
  /** The visitor types. */
  isTyping: boolean;
  hasFailed: boolean;
  hasDraft: boolean;
}

/** What an action shows before the server has said yes. */
export interface Overlay {
  status?: Session["status"];
  assignee?: { id: number; name: string } | null;
  isBanned?: boolean;
}

interface Beside {
  overlay: Overlay | undefined;
  isMarkedUnread: boolean;
  hasDraft: boolean;
  nameless(clientId: number): string;
}

export function rowOf(chat: ChatView, { overlay, isMarkedUnread, hasDraft, nameless }: Beside): Row | null {
  const { session, facts } = chat;
  if (!session) return null;
  const { client } = session;
  return {
    id: chat.id,
    name: facts?.contact?.name || client.name || nameless(client.id),
    email: facts?.contact?.email ?? client.email ?? null,
    clientId: client.id,
    siteId: session.site_id ?? 1,
    status: overlay?.status ?? session.status,
    assignee: overlay?.assignee === undefined ? (session.assignee ?? null) : overlay.assignee,
    isBanned: overlay?.isBanned ?? chat.isBanned,
    last: chat.lastMessage,
    unread: chat.unread,
    isMarkedUnread,
    waitingSince: facts?.waitingSince ?? null,
    changedAt: facts?.changedAt || session.created_at,
    createdAt: session.created_at,
    contact: facts?.contact ?? null,
    isTyping: chat.typing.some(({ visibility, id }) => visibility === "public" && id === client.id),
    hasFailed: chat.messages.some(({ tick }) => tick === "failed"),
    hasDraft,
  };
}

const FIELDS = ["name", "email", "siteId", "status", "isBanned", "last", "unread", "isMarkedUnread", "waitingSince", "changedAt", "contact", "isTyping", "hasFailed", "hasDraft"] as const satisfies readonly (keyof Row)[];

export const isSame = (one: Row, other: Row): boolean =>
  FIELDS.every((name) => one[name] === other[name]) && one.assignee?.id === other.assignee?.id && one.assignee?.name === other.assignee?.name;
