ALTER TABLE chat_sessions DROP COLUMN changed_seq, DROP COLUMN desk_seq;
ALTER TABLE chat_members DROP COLUMN added_seq;
-- Told from the marks of the other side, as far as these say when.
ALTER TABLE messages ADD delivered_at timestamptz, ADD read_at timestamptz;
UPDATE messages m SET (delivered_at, read_at) = (
    SELECT min(k.updated_at) FILTER (WHERE k.delivered_seq >= m.seq), min(k.updated_at) FILTER (WHERE k.read_seq >= m.seq)
    FROM chat_marks k WHERE k.chat_id = m.chat_id AND (k.reader_type = 'client') <> (m.sender_type = 'client'))
FROM chats c WHERE c.id = m.chat_id AND c.kind = 'session' AND m.visibility = 'public';
