-- Several indexes begin with these columns, and one of them finds a single row. To the statistics of a young database, in
-- which a chat has one message and a user one chat, all cost the same: a plan that was made then reads all messages of a
-- chat, or all chats of a user, for each message that is sent. So ANALYZE is told what becomes of them.
ALTER TABLE messages ALTER COLUMN chat_id SET (n_distinct = -0.001);
ALTER TABLE chat_members ALTER COLUMN user_id SET (n_distinct = -0.01), ALTER COLUMN chat_id SET (n_distinct = -0.01);

-- It has to have run once: of a table without statistics PostgreSQL supposes one message a chat too. Emptied by TRUNCATE the
-- table is taken for one of some size, until it has rows of its own.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM chats) AND NOT EXISTS (SELECT FROM users) THEN
        INSERT INTO chats (id, kind) OVERRIDING SYSTEM VALUE VALUES (-1, 'group');
        INSERT INTO users (id, email, name, password_hash, role, is_active) OVERRIDING SYSTEM VALUE
            SELECT -n, n || '@invalid', 'Nobody', '', 'user', false FROM generate_series(1, 300) AS n;
        INSERT INTO chat_members (chat_id, user_id) SELECT -1, -n FROM generate_series(1, 300) AS n;
        INSERT INTO messages
            (id, chat_id, seq, changed_seq, sender_type, sender_id, sender_name, body, client_id, visibility)
            OVERRIDING SYSTEM VALUE
            SELECT -n, -1, n, n, 'user', -1, 'Nobody', 'Nothing', gen_random_uuid(), 'public'
            FROM generate_series(1, 300) AS n;
        ANALYZE messages, chat_members;
        TRUNCATE messages, chat_members;
        DELETE FROM users;
        DELETE FROM chats;
    ELSE
        ANALYZE messages, chat_members;
    END IF;
END
$$;
