DROP INDEX chat_members_by_change;
ALTER TABLE chat_members DROP changed_seq;
