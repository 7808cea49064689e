ALTER TABLE messages ALTER COLUMN chat_id RESET (n_distinct);
ALTER TABLE chat_members ALTER COLUMN user_id RESET (n_distinct), ALTER COLUMN chat_id RESET (n_distinct);
