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
  | { type: "ping" }
  | { type: "pong" };

// What a frame must have for the store to take it in; `#` is a number, `*` a list, `.` anything that is not null.
const MESSAGE = "#seq #data.id #data.chat_id #data.seq #data.changed_seq .data.sender_type .data.client_id";
const SESSION = "#seq #data.session_id #data.state_seq .data.status";
const MEMBER = "#seq #data.user_id";
const MARK = "#data.reader_id .data.reader_type #data.delivered_seq #data.read_seq";
const NEEDS: Record<ServerFrame["type"], string> = {
  connected: "#data.epoch #data.self_id *data.chats",
  "chat.message": MESSAGE,
  "chat.message.edited": MESSAGE,
  "chat.message.deleted": MESSAGE,
  "chat.message.pinned": MESSAGE,
  "chat.reaction": MESSAGE,
  "chat.session.created": SESSION,
  "chat.session.assigned": SESSION,
  "chat.session.status": SESSION,
  "chat.session.desk": "#seq #data.desk_seq",
  "chat.member.added": MEMBER,
  "chat.member.removed": MEMBER,
  "chat.member.changed": MEMBER,
  "chat.activity": "#seq .data.kind",
  "chat.delivered": MARK,
  "chat.read": MARK,
  "chat.typing": "#data.sender_id .data.sender_type",
  "chat.page": ".data.url",
  resync: "*chats",
  subscribed: "#seq *data.marks",
  resumed: ".cursors",
  ack: ".client_id #data.id #data.seq #data.changed_seq",
  error: ".error.code",
  authenticated: "",
  "workspace.changed": "#data.version",
  unsubscribed: "",
  ping: "",
  pong: "",
};

const at = (value: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>((inner, name) => (inner as Record<string, unknown> | null | undefined)?.[name], value);

const fits = (frame: unknown, need: string): boolean => {
  const value = at(frame, need.slice(1));
  if (need[0] === "#") return typeof value === "number";
  return need[0] === "*" ? Array.isArray(value) : value !== null && value !== undefined;
};

/** The frame, or null for a type that is not known and for what is not as the protocol says. */
export function decoded(value: unknown): ServerFrame | null {
  const type = at(value, "type");
  if (typeof type !== "string" || !Object.hasOwn(NEEDS, type)) return null;
  const needs = NEEDS[type as ServerFrame["type"]];
  return needs.split(" ").every((need) => need === "" || fits(value, need)) ? (value as ServerFrame) : null;
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
