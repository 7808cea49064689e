-- The chat's seq of a member's last change. A member is part of what `sync` tells: who was away, or reads hints instead
-- of events, learns of an arrival or a removal at its place among the messages.
ALTER TABLE chat_members ADD changed_seq bigint NOT NULL DEFAULT 0;
CREATE INDEX chat_members_by_change ON chat_members (chat_id, changed_seq);
