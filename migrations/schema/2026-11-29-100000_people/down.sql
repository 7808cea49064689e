DROP INDEX refresh_tokens_alive;
ALTER TABLE refresh_tokens DROP began_at, DROP user_agent, DROP address_hint;
DROP INDEX users_admins;
DROP TABLE account_links;
