DROP INDEX refresh_tokens_by_expiry;
DROP TABLE jobs;
