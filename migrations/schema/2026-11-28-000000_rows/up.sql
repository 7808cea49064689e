-- How far a message has come is told by the marks of its chat alone: whoever shows it compares its seq with them. A mark
-- that rises writes one row, not one for each message that it covers.
ALTER TABLE messages DROP COLUMN delivered_at, DROP COLUMN read_at;

-- Where a member came in, or came back: its replay says `added` to whoever has not seen that, else `changed`.
ALTER TABLE chat_members ADD added_seq bigint NOT NULL DEFAULT 0;
UPDATE chat_members SET added_seq = changed_seq;

-- chats.state_seq rises with everything that a send must check, bans among them. What the client is told of its session, and
-- what operators alone are told, have each a position of their own.
ALTER TABLE chat_sessions ADD changed_seq bigint NOT NULL DEFAULT 1, ADD desk_seq bigint NOT NULL DEFAULT 0;
UPDATE chat_sessions s SET changed_seq = c.state_seq FROM chats c WHERE c.id = s.chat_id;
