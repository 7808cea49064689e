-- Rights that were taken away or given back. Gateways ask every few seconds for what is new, by number.

-- A number is taken under a lock that is held until the commit: numbers become visible in their order, and whoever has
-- seen one has seen all below it. PostgreSQL does it by itself, so that a change by hand counts as well.
CREATE SEQUENCE revocations;

CREATE FUNCTION take_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(100099262775298);
    NEW.revocation := nextval('revocations');
    RETURN NEW;
END
$$;

-- Access tokens whose `iat` is below tokens_from are refused: seconds since 1970.
ALTER TABLE users ADD tokens_from bigint NOT NULL DEFAULT 0, ADD revocation bigint NOT NULL DEFAULT 0;
CREATE INDEX users_by_revocation ON users (revocation) WHERE revocation > 0;
CREATE TRIGGER users_revocation BEFORE UPDATE ON users FOR EACH ROW
    WHEN ((OLD.is_active, OLD.role, OLD.tokens_from) IS DISTINCT FROM (NEW.is_active, NEW.role, NEW.tokens_from))
    EXECUTE FUNCTION take_revocation();

ALTER TABLE chat_members ADD revocation bigint NOT NULL DEFAULT 0;
CREATE INDEX chat_members_by_revocation ON chat_members (revocation) WHERE revocation > 0;
CREATE TRIGGER chat_members_revocation BEFORE UPDATE ON chat_members FOR EACH ROW
    WHEN (OLD.is_active AND OLD.can_read AND NOT (NEW.is_active AND NEW.can_read))
    EXECUTE FUNCTION take_revocation();

ALTER TABLE clients ADD banned_at timestamptz, ADD revocation bigint NOT NULL DEFAULT 0;
CREATE INDEX clients_by_revocation ON clients (revocation) WHERE revocation > 0;
CREATE TRIGGER clients_revocation BEFORE UPDATE ON clients FOR EACH ROW
    WHEN ((OLD.banned_at IS NULL) <> (NEW.banned_at IS NULL))
    EXECUTE FUNCTION take_revocation();

-- Of the tokens of a login at most one is unused; its end is the login's.
ALTER TABLE refresh_tokens ADD revocation bigint NOT NULL DEFAULT 0;
CREATE INDEX refresh_tokens_by_revocation ON refresh_tokens (revocation) WHERE revocation > 0;
CREATE INDEX refresh_tokens_revoked ON refresh_tokens (family) WHERE revoked_at IS NOT NULL;
CREATE TRIGGER refresh_tokens_revocation BEFORE UPDATE ON refresh_tokens FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL AND NEW.used_at IS NULL)
    EXECUTE FUNCTION take_revocation();
