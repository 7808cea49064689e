ALTER TABLE outbox DROP COLUMN activity;
