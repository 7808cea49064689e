DROP TABLE grants;
DROP FUNCTION raise_revocation_of_account();
ALTER TABLE outbox DROP COLUMN site_id;
ALTER TABLE chat_sessions DROP COLUMN site_id;
DROP TABLE sites;
