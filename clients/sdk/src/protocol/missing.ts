// What the committed OpenAPI document does not describe yet, typed by hand. Each goes when the document has it.
import type { Message } from "./schemas.ts";

/** A session of this browser or person, of `GET /chat/session/{id}/sessions`. */
export interface OwnSession {
  session_id: number;
  status: "open" | "pending" | "closed";
  created_at: string;
  assignee?: { id: number; name: string } | null;
  last_message?: Message | null;
  unread: number;
  token: string;
  expires_at: string;
}

export interface OwnSessions {
  sessions: OwnSession[];
  next_cursor?: number | null;
}

/** What `POST /channel/poll` answers. */
export interface Poll {
  frames: unknown[];
  close: { code: number; reason: string; retry_after_ms?: number } | null;
}
