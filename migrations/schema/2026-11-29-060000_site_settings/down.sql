DROP TABLE refused_origins, site_identity_secrets;
DROP TRIGGER sites_workspace ON sites;
ALTER TABLE sites DROP COLUMN origins, DROP COLUMN color, DROP COLUMN position, DROP COLUMN languages, DROP COLUMN texts,
    DROP COLUMN prechat_name, DROP COLUMN prechat_email, DROP COLUMN shows_operators, DROP COLUMN identity_required;
CREATE TRIGGER sites_workspace BEFORE UPDATE ON sites FOR EACH ROW
    WHEN ((OLD.key, OLD.name, OLD.archived_at) IS DISTINCT FROM (NEW.key, NEW.name, NEW.archived_at))
    EXECUTE FUNCTION take_workspace_version();
