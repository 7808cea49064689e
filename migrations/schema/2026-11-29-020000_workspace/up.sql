-- What is not of a chat, and others show: the names of accounts and of sites. All of it has one version, the highest number
-- that one of its rows has taken. A number is taken under the lock of revocations, which is held until the commit: numbers
-- become visible in their order, and a transaction that changes both a right and a name takes one lock.
CREATE SEQUENCE workspace_versions;

CREATE FUNCTION take_workspace_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(100099262775298);
    NEW.workspace_version := nextval('workspace_versions');
    RETURN NEW;
END
$$;

ALTER TABLE users ADD workspace_version bigint NOT NULL DEFAULT 0;
UPDATE users SET workspace_version = nextval('workspace_versions');
CREATE UNIQUE INDEX users_by_workspace_version ON users (workspace_version);
CREATE TRIGGER users_new_in_workspace BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION take_workspace_version();
CREATE TRIGGER users_workspace BEFORE UPDATE ON users FOR EACH ROW
    WHEN ((OLD.name, OLD.is_active) IS DISTINCT FROM (NEW.name, NEW.is_active))
    EXECUTE FUNCTION take_workspace_version();

ALTER TABLE sites ADD workspace_version bigint NOT NULL DEFAULT 0;
UPDATE sites SET workspace_version = nextval('workspace_versions');
CREATE UNIQUE INDEX sites_by_workspace_version ON sites (workspace_version);
CREATE TRIGGER sites_new_in_workspace BEFORE INSERT ON sites FOR EACH ROW EXECUTE FUNCTION take_workspace_version();
CREATE TRIGGER sites_workspace BEFORE UPDATE ON sites FOR EACH ROW
    WHEN ((OLD.key, OLD.name, OLD.archived_at) IS DISTINCT FROM (NEW.key, NEW.name, NEW.archived_at))
    EXECUTE FUNCTION take_workspace_version();
