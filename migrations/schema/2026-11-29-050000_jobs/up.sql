-- What must be done later: written in the transaction of the change that asks for it, done in a transaction of its own.
CREATE TABLE jobs (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text NOT NULL,
    key           text NOT NULL,                       -- what it is about: there is one of a kind
    payload       jsonb NOT NULL DEFAULT '{}',
    priority      smallint NOT NULL DEFAULT 1 CONSTRAINT jobs_priority_known CHECK (priority BETWEEN 0 AND 2), -- 0 first
    series        text,                                -- of one series one is done at a time, in order
    after_id      bigint,                              -- the one before it in its series; NULL when it is its turn
    due_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    version       bigint NOT NULL DEFAULT 1,           -- rises when it is asked for anew
    claim         bigint NOT NULL DEFAULT 0,           -- rises with each claim and never falls
    attempts      integer NOT NULL DEFAULT 0,          -- since it was asked for
    claimed_until timestamptz,                         -- so long nobody else looks at it; in no index, so that a claim is cheap
    last_error    text,
    dead_at       timestamptz,                         -- given up: last_error says why
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT jobs_key_unique UNIQUE (kind, key)
) WITH (
    -- Rows that are done with are in the way of the next look as long as they are not cleaned away.
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000
);
CREATE INDEX jobs_due ON jobs (kind, priority, due_at) WHERE dead_at IS NULL AND after_id IS NULL;
CREATE INDEX jobs_series ON jobs (kind, series, id) WHERE series IS NOT NULL AND dead_at IS NULL;
CREATE INDEX jobs_after ON jobs (after_id) WHERE after_id IS NOT NULL;
CREATE INDEX jobs_dead ON jobs (kind, id) WHERE dead_at IS NOT NULL;

-- For the job that forgets logins that are over.
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);
