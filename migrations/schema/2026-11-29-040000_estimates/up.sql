-- Two indexes begin with these columns, and one of each pair finds a single row. To the statistics of a young database, in
-- which a chat has one message and a user one chat, both cost the same: a plan that was made then reads all messages of a
-- chat, or all chats of a user, for each message that is sent. So ANALYZE is told what becomes of them.
ALTER TABLE messages ALTER COLUMN chat_id SET (n_distinct = -0.001);
ALTER TABLE chat_members ALTER COLUMN user_id SET (n_distinct = -0.01), ALTER COLUMN chat_id SET (n_distinct = -0.01);
