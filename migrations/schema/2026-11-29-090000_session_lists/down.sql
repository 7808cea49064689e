DROP INDEX contacts_by_text;
DROP INDEX clients_by_text;
DROP INDEX chat_sessions_not_closed_by_assignee;
DROP INDEX chat_sessions_not_closed;
CREATE INDEX chats_sessions_by_change ON chats (changed_at) WHERE kind = 'session';
DROP INDEX chats_sessions_by_last_change;
ALTER TABLE chats DROP waiting_since;
DROP EXTENSION pg_trgm;
