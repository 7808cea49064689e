-- The change feed: what was published, numbered by the statement that takes it out of the outbox. A row only points to a
-- change; whoever reads it looks up the present state, so that a deleted text never comes back.
CREATE TABLE changes (
    lane       smallint NOT NULL,
    pos        bigint NOT NULL,      -- 1, 2, 3, … in a lane, without a hole
    chat_id    bigint NOT NULL,
    seq        bigint NOT NULL,
    kind       text NOT NULL,
    visibility text NOT NULL,
    site_id    bigint,
    at         timestamptz NOT NULL DEFAULT now(), -- when it was numbered
    PRIMARY KEY (lane, pos)
);

-- How far a lane is numbered, and up to where its rows were pruned. The lock on its row orders the numbers of a lane.
CREATE TABLE lane_tops (
    lane      smallint PRIMARY KEY,
    top       bigint NOT NULL,
    pruned_to bigint NOT NULL DEFAULT 0,
    CONSTRAINT lane_tops_ordered CHECK (pruned_to BETWEEN 0 AND top)
) WITH (
    -- Each numbering writes the row anew: it has room for that in its page, and the page is cleaned as it is used.
    fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0
);

-- Outbox rows that could not be read, for people to look at. They have their place in the feed.
CREATE TABLE outbox_unreadable (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fault            text NOT NULL,
    moved_at         timestamptz NOT NULL DEFAULT now(),
    lane             smallint NOT NULL,
    chat_id          bigint NOT NULL,
    seq              bigint NOT NULL,
    kind             text NOT NULL,
    chat_kind        text NOT NULL,
    visibility       text NOT NULL,
    site_id          bigint,
    assigned_user_id bigint,
    user_ids         bigint[] NOT NULL,
    data             text NOT NULL,
    traceparent      text,
    activity         text,
    committed_at     timestamptz NOT NULL
);
