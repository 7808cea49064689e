-- Whether an operator takes sessions, as it says itself or as its console does. Shown is `off` where no lease is alive, else this.
CREATE TABLE operator_states (
    user_id      bigint PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    availability text NOT NULL DEFAULT 'online' CONSTRAINT operator_states_known CHECK (availability IN ('online', 'away')),
    by_hand      boolean NOT NULL DEFAULT false,       -- said by the operator: it outlasts its connections
    -- What others were told last, and since when it is so.
    told         text NOT NULL DEFAULT 'off' CONSTRAINT operator_states_told_known CHECK (told IN ('online', 'away', 'off')),
    told_by_hand boolean NOT NULL DEFAULT false,
    changed_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz                           -- in no index, so that a renewal is cheap
) WITH (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000
);
