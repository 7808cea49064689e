-- Links by which people come to an account: an invitation, another password, the first admin. Of each only the hash of its
-- token is stored.
CREATE TABLE account_links (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CONSTRAINT account_links_kind_known CHECK (kind IN ('join', 'password', 'first')),
    token_hash bytea NOT NULL CONSTRAINT account_links_hash_unique UNIQUE,
    user_id    bigint REFERENCES users ON DELETE CASCADE,   -- whose password, of 'password'
    email      text,                                        -- of 'join'
    name       text,
    role       text CONSTRAINT account_links_role_known CHECK (role IN ('user', 'operator', 'admin')),
    sites      bigint[],                                    -- none: all
    made_by    bigint REFERENCES users ON DELETE CASCADE,   -- none: the installation
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CONSTRAINT account_links_fields_of_kind CHECK (
        (kind = 'password') = (user_id IS NOT NULL) AND (kind = 'join') = (email IS NOT NULL AND role IS NOT NULL)
        AND (kind = 'first') = (made_by IS NULL))
);
CREATE INDEX account_links_by_expiry ON account_links (expires_at);
CREATE INDEX account_links_by_user ON account_links (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX account_links_by_maker ON account_links (made_by) WHERE made_by IS NOT NULL;

-- The sign-in page asks whether there is one.
CREATE INDEX users_admins ON users (id) WHERE role = 'admin';

-- A login as its owner knows it again: each of its tokens says when the login began, and from where it was renewed last.
ALTER TABLE refresh_tokens ADD began_at timestamptz NOT NULL DEFAULT now(), ADD user_agent text, ADD address_hint text;
UPDATE refresh_tokens t SET began_at = f.began_at
FROM (SELECT family, min(created_at) AS began_at FROM refresh_tokens GROUP BY family) f WHERE f.family = t.family;
CREATE INDEX refresh_tokens_alive ON refresh_tokens (user_id, expires_at) WHERE used_at IS NULL AND revoked_at IS NULL;
