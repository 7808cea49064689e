// Messages, sessions and marks as the server makes them.
import type { Mark, Message, Session } from "../../src/protocol/schemas.ts";

export const time = "2026-11-21T10:15:30.000000Z";

export function message(over: Partial<Message> & { id: number }): Message {
  return {
    chat_id: 42,
    session_id: 42,
    seq: over.id,
    changed_seq: over.seq ?? over.id,
    sender_type: "operator",
    sender_id: 3,
    sender_name: "Olivia Park",
    body: `message ${over.id}`,
    client_id: `00000000-0000-4000-8000-${String(over.id).padStart(12, "0")}`,
    visibility: "public",
    created_at: time,
    edited_at: null,
    is_deleted: false,
    metadata: null,
    ...over,
  };
}

export function session(over: Partial<Session> = {}): Session {
  return {
    session_id: 42,
    site_id: 1,
    status: "open",
    assignee: null,
    client: { id: 9, name: "Ana", email: null, page_url: null, locale: null },
    created_at: time,
    state_seq: 1,
    ...over,
  };
}

export const mark = (over: Partial<Mark> = {}): Mark => ({
  reader_type: "user",
  reader_id: 3,
  delivered_seq: 0,
  read_seq: 0,
  updated_at: time,
  ...over,
});
