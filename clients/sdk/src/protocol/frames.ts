// The frames of docs/protocol.md, by hand until the OpenAPI document has them. A test reads every example of that page.
import type { Activity, ChatKind, ErrorCode, Mark, Member, Message, Session, Visibility } from "./schemas.ts";

export interface ChatState {
  chat_id: number;
  kind: ChatKind;
  title?: string | null;
  seq: number;
  state_seq: number;
  session?: Session | null;
  marks: Mark[];
}

export interface ErrorBody {
  code: ErrorCode;
  message: string;
  details?: Record<string, unknown>;
}

/** A frame of one chat: `session_id` in a support session, `chat_id` in every other chat. */
interface OfChat {
  session_id?: number;
  chat_id?: number;
}

/** A change that comes again after a reconnect. */
interface Durable extends OfChat {
  seq: number;
  activity?: Activity;
}

export interface ConnectedFrame extends OfChat {
  type: "connected";
  seq?: number;
  data: {
    connection_id: string;
    role: "client" | "operator" | "admin" | "user";
    self_id: number;
    name?: string | null;
    epoch: number;
    ping_interval: number;
    chats: ChatState[];
    more?: string | null;
    workspace?: number | null;
    resume_ticket?: string;
  };
}

export type MessageFrame = Durable & {
  type:
    | "chat.message"
    | "chat.message.edited"
    | "chat.message.deleted"
    | "chat.message.pinned"
    | "chat.reaction";
  data: Message;
};
export type SessionFrame = Durable & {
  type: "chat.session.created" | "chat.session.assigned" | "chat.session.status";
  data: Session;
};
export type DeskFrame = Durable & {
  type: "chat.session.desk";
  data: { session_id: number; is_banned: boolean; desk_seq: number };
};
export type MemberFrame = Durable & {
  type: "chat.member.added" | "chat.member.removed" | "chat.member.changed";
  data: Member;
};
export type ActivityFrame = Durable & { type: "chat.activity"; data: Activity };
export type DurableFrame = MessageFrame | SessionFrame | DeskFrame | MemberFrame | ActivityFrame;

export type MarkFrame = OfChat & { type: "chat.delivered" | "chat.read"; data: Mark };
export type TypingFrame = OfChat & {
  type: "chat.typing";
  data: {
    sender_type: "client" | "operator" | "user";
    sender_id: number;
    sender_name?: string | null;
    is_typing: boolean;
    visibility?: Visibility;
  };
};
export type PageFrame = OfChat & {
  type: "chat.page";
  data: { client_id: number; url: string; title?: string | null; at: string };
};
/** An operator looks at a session, or has left it. */
export type ViewingFrame = OfChat & {
  type: "chat.viewing";
  data: { user_id: number; name: string; is_viewing: boolean };
};
/** Whether an operator is there. */
export type OperatorFrame = {
  type: "operator.state";
  data: { user_id: number; name: string; availability: "online" | "away" | "off"; by_hand: boolean; since: string };
};
export type ResyncFrame = { type: "resync"; why: string; chats: number[] };
export type SubscribedFrame = OfChat & { type: "subscribed"; seq: number; invited?: boolean; data: ChatState };
export type ResumedFrame = { type: "resumed"; cursors: Record<string, number>; more?: boolean };
export type AckFrame = { type: "ack"; client_id: string; data: Message };
export type ErrorFrame = { type: "error"; client_id?: string; chat_id?: number; error: ErrorBody };
export type AuthenticatedFrame = { type: "authenticated"; data?: { resume_ticket?: string } };
export type WorkspaceFrame = { type: "workspace.changed"; data: { kinds: string[]; version: number } };

export type ServerFrame =
  | ConnectedFrame
  | DurableFrame
  | MarkFrame
  | TypingFrame
  | PageFrame
  | ViewingFrame
  | OperatorFrame
  | ResyncFrame
  | SubscribedFrame
  | ResumedFrame
  | AckFrame
  | ErrorFrame
  | AuthenticatedFrame
  | WorkspaceFrame
  | (OfChat & { type: "unsubscribed" })
  | { type: "ping" }
  | { type: "pong" };

export type ClientFrame =
  | { type: "init"; access_token: string }
  | { type: "auth"; token: string }
  | { type: "resume"; epoch: number; cursors: Record<string, number>; more?: true }
  | ({ type: "subscribe"; after?: number; epoch?: number } & OfChat)
  | ({ type: "unsubscribe" } & OfChat)
  | ({
      type: "message";
      body: string;
      client_id: string;
      visibility?: Visibility;
      metadata?: Record<string, unknown>;
    } & OfChat)
  | ({ type: "ack" | "read"; last_id: number } & OfChat)
  | ({ type: "typing"; is_typing: boolean; visibility?: Visibility } & OfChat)
  | ({ type: "page"; url: string; title?: string } & OfChat)
  | ({ type: "viewing"; is_viewing: boolean } & OfChat)
  | { type: "ping" }
  | { type: "pong" };

// Numbers that the store reckons with, by the beginning of the type. A type that is not here needs none.
const MESSAGE = ["id", "chat_id", "seq", "changed_seq"];
const NEEDS: [type: string, numbers: string[]][] = [
  ["connected", ["epoch", "self_id"]],
  ["chat.message", MESSAGE],
  ["chat.reaction", MESSAGE],
  ["ack", MESSAGE],
  ["chat.session.desk", ["desk_seq"]],
  ["chat.session", ["session_id", "state_seq"]],
  ["chat.member", ["user_id"]],
  ["chat.delivered", ["reader_id", "delivered_seq", "read_seq"]],
  ["chat.read", ["reader_id", "delivered_seq", "read_seq"]],
  ["chat.typing", ["sender_id"]],
  ["chat.viewing", ["user_id"]],
  ["operator.state", ["user_id"]],
  ["subscribed", ["chat_id", "seq"]],
  ["workspace", ["version"]],
];

/** The frame, or null for what is not as the protocol says. The store passes over types that it does not know. */
export function decoded(value: unknown): ServerFrame | null {
  const { type, data } = (value ?? {}) as { type?: unknown; data?: Record<string, unknown> };
  if (typeof type !== "string") return null;
  const needs = NEEDS.find(([beginning]) => type.startsWith(beginning))?.[1] ?? [];
  return needs.every((name) => typeof data?.[name] === "number") ? (value as ServerFrame) : null;
}

/** Like {@link decoded}, from text; what is no JSON is no frame. */
export function decode(text: string): ServerFrame | null {
  try {
    return decoded(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The chat that a frame is of. */
export function chatOf(frame: ServerFrame): number | undefined {
  const { session_id, chat_id } = frame as OfChat;
  return session_id ?? chat_id;
}
