-- Web sites. Each session is of one; the first is there from the start, for installations that need no other.
CREATE TABLE sites (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL CONSTRAINT sites_key_plain CHECK (key ~ '^[a-z0-9][a-z0-9_-]{0,63}$'), -- public
    name        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    archived_at timestamptz
);
CREATE UNIQUE INDEX sites_key_unique ON sites (key);
INSERT INTO sites (key, name) VALUES ('default', 'Default');

ALTER TABLE chat_sessions ADD site_id bigint NOT NULL DEFAULT 1 REFERENCES sites;
CREATE INDEX chat_sessions_by_site ON chat_sessions (site_id, chat_id DESC);

-- The site of a session's events; none of those of other chats.
ALTER TABLE outbox ADD site_id bigint;

-- The sessions in which an operator works: those of a site, or all. No grant is no right.
CREATE TABLE grants (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    role       text NOT NULL CONSTRAINT grants_role_known CHECK (role IN ('operator', 'admin')),
    scope      text NOT NULL CONSTRAINT grants_scope_known CHECK (scope IN ('all', 'site')),
    site_id    bigint REFERENCES sites,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT grants_site_of_scope CHECK ((scope = 'site') = (site_id IS NOT NULL))
);
CREATE UNIQUE INDEX grants_unique ON grants (user_id, coalesce(site_id, 0));
CREATE INDEX grants_by_site ON grants (site_id) WHERE site_id IS NOT NULL;
INSERT INTO grants (user_id, role, scope) SELECT id, role, 'all' FROM users WHERE role IN ('operator', 'admin');

-- A change of grants is a change of the account's rights. The account is locked before the number is taken, as by a change
-- of the account itself.
CREATE FUNCTION raise_revocation_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    account bigint;
BEGIN
    FOR account IN
        SELECT u.id FROM users u WHERE u.id IN (OLD.user_id, NEW.user_id) ORDER BY u.id FOR NO KEY UPDATE
    LOOP
        PERFORM pg_advisory_xact_lock(100099262775298);
        UPDATE users SET revocation = nextval('revocations') WHERE id = account;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER grants_revocation AFTER INSERT OR UPDATE OR DELETE ON grants FOR EACH ROW
    EXECUTE FUNCTION raise_revocation_of_account();
