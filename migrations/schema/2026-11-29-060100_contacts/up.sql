-- People, over all their devices; a client stays one device. Two devices are of one contact if both have proved the same
-- identity. An address that nobody has proved never joins two of them.
CREATE TABLE contacts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text,
    email       text,
    phone       text,
    attrs       jsonb NOT NULL DEFAULT '{}',
    -- The contact that this one was found to be the same person as.
    merged_into bigint REFERENCES contacts,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT contacts_not_into_itself CHECK (merged_into <> id)
);

CREATE TABLE contact_identities (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    contact_id bigint NOT NULL REFERENCES contacts ON DELETE CASCADE,
    kind       text NOT NULL CONSTRAINT contact_identities_kind_known CHECK (kind IN ('external', 'email', 'phone', 'telegram')),
    value      text NOT NULL,
    site_id    bigint REFERENCES sites,
    proof      text NOT NULL CONSTRAINT contact_identities_proof_known
                   CHECK (proof IN ('site_signature', 'otp', 'channel', 'operator', 'none')),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX contact_identities_proved ON contact_identities (kind, value, coalesce(site_id, 0)) WHERE proof <> 'none';
CREATE INDEX contact_identities_by_contact ON contact_identities (contact_id);

ALTER TABLE clients ADD contact_id bigint REFERENCES contacts;
CREATE INDEX clients_by_contact ON clients (contact_id) WHERE contact_id IS NOT NULL;
