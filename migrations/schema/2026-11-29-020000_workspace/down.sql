DROP TRIGGER users_new_in_workspace ON users;
DROP TRIGGER users_workspace ON users;
DROP TRIGGER sites_new_in_workspace ON sites;
DROP TRIGGER sites_workspace ON sites;
ALTER TABLE users DROP COLUMN workspace_version;
ALTER TABLE sites DROP COLUMN workspace_version;
DROP FUNCTION take_workspace_version();
DROP SEQUENCE workspace_versions;
