-- Which operators are there to answer: one row for each gateway that holds a connection of theirs. So the one that is left does not end
-- what another one says, and a gateway that dies is forgotten by its time alone.
CREATE TABLE operator_leases (
    user_id     bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    gateway     text NOT NULL,                         -- a process: one that starts again is another
    lease_until timestamptz NOT NULL,                  -- in no index, so that a renewal is cheap
    PRIMARY KEY (user_id, gateway)
) WITH (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000
);
CREATE INDEX operator_leases_by_gateway ON operator_leases (gateway);
