-- Lists of sessions: who waits for an answer and for how long, what changed last, and whose name or address has a text in it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;   -- trusted: the owner of a database may

-- The time of the oldest message of the visitor that no public message of an operator follows. Set by the statement that
-- sends. It changes when the side that writes does: sends of one side after the other leave the index alone.
ALTER TABLE chats ADD waiting_since timestamptz;

-- The last answer of a session is found by its seq: one look in an index for each session that is not closed.
UPDATE chats c SET waiting_since = waiting.since
FROM chat_sessions s CROSS JOIN LATERAL (
    SELECT min(m.created_at) AS since FROM messages m
    WHERE m.chat_id = s.chat_id AND m.sender_type = 'client' AND NOT m.is_deleted AND m.seq > coalesce((
        SELECT a.seq FROM messages a
        WHERE a.chat_id = s.chat_id AND a.sender_type IN ('operator', 'bot') AND a.visibility = 'public'
        ORDER BY a.seq DESC LIMIT 1), 0)) waiting
WHERE c.id = s.chat_id AND s.status <> 'closed' AND waiting.since IS NOT NULL;

CREATE INDEX chats_waiting ON chats (waiting_since, id) WHERE waiting_since IS NOT NULL;

-- In place of the one of `changed_at` alone: sessions that changed at one time have an order too.
CREATE INDEX chats_sessions_by_last_change ON chats (changed_at, id) WHERE kind = 'session';
DROP INDEX chats_sessions_by_change;

-- The sessions that are not closed are few among many.
CREATE INDEX chat_sessions_not_closed ON chat_sessions (status, site_id, assigned_user_id, chat_id) WHERE status <> 'closed';
CREATE INDEX chat_sessions_not_closed_by_assignee ON chat_sessions (assigned_user_id, status, chat_id) WHERE status <> 'closed';

CREATE INDEX clients_by_text ON clients USING gin (name gin_trgm_ops, email gin_trgm_ops);
CREATE INDEX contacts_by_text ON contacts USING gin (name gin_trgm_ops, email gin_trgm_ops);
