-- The settings of a site's widget, and the pages that may show it.
ALTER TABLE sites
    -- As browsers write them; `https://*.shop.example` for its subdomains, `*` for every page. Pages of our own address always may.
    ADD origins           text[] NOT NULL DEFAULT '{}',
    ADD color             text CONSTRAINT sites_color_known CHECK (color ~ '^#[0-9a-f]{6}$'),
    ADD position          text NOT NULL DEFAULT 'right' CONSTRAINT sites_position_known CHECK (position IN ('right', 'left')),
    -- BCP 47; none for all that the widget has.
    ADD languages         text[] NOT NULL DEFAULT '{}',
    -- {"en": {"title", "greeting", "away"}, …}
    ADD texts             jsonb NOT NULL DEFAULT '{}',
    ADD prechat_name      text NOT NULL DEFAULT 'off' CONSTRAINT sites_prechat_name_known
                              CHECK (prechat_name IN ('off', 'optional', 'required')),
    ADD prechat_email     text NOT NULL DEFAULT 'off' CONSTRAINT sites_prechat_email_known
                              CHECK (prechat_email IN ('off', 'optional', 'required')),
    ADD shows_operators   boolean NOT NULL DEFAULT false,
    -- A visitor whose identity the site has not signed is refused.
    ADD identity_required boolean NOT NULL DEFAULT false;

-- Gateways and other processes keep origins and this rule in memory: they read them again when the version has risen.
DROP TRIGGER sites_workspace ON sites;
CREATE TRIGGER sites_workspace BEFORE UPDATE ON sites FOR EACH ROW
    WHEN ((OLD.key, OLD.name, OLD.archived_at, OLD.origins, OLD.identity_required)
        IS DISTINCT FROM (NEW.key, NEW.name, NEW.archived_at, NEW.origins, NEW.identity_required))
    EXECUTE FUNCTION take_workspace_version();

-- Keys with which a site signs its visitors' identities. Several are good at once, so that one can follow another.
CREATE TABLE site_identity_secrets (
    site_id    bigint NOT NULL REFERENCES sites ON DELETE CASCADE,
    kid        text NOT NULL CONSTRAINT site_identity_secrets_kid_plain CHECK (kid ~ '^[A-Za-z0-9_-]{1,64}$'),
    secret     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site_id, kid)
);

-- Pages that wanted to show a site's widget and were not allowed to: to be read by its admin. At most 100 a site.
CREATE TABLE refused_origins (
    site_id  bigint NOT NULL REFERENCES sites ON DELETE CASCADE,
    origin   text NOT NULL,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at  timestamptz NOT NULL DEFAULT now(),
    times    bigint NOT NULL,
    PRIMARY KEY (site_id, origin)
);
