ALTER TABLE clients DROP COLUMN contact_id;
DROP TABLE contact_identities, contacts;
