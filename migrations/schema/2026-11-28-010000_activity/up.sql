-- What somebody did in a chat, at the seq of the change. States say how things are; this says how they came to be so: it is
-- only ever added to, in the transaction of the change.
CREATE TABLE chat_activity (
    chat_id    bigint NOT NULL REFERENCES chats ON DELETE CASCADE,
    seq        bigint NOT NULL,
    kind       text NOT NULL,
    actor_type text NOT NULL CONSTRAINT chat_activity_actor_known
                   CHECK (actor_type IN ('client', 'operator', 'user', 'bot', 'system')),
    actor_id   bigint NOT NULL,   -- 0 for the system
    actor_name text,              -- as it was then
    cause      jsonb,             -- the rule, timer or token that did it in the actor's place
    from_value jsonb,
    to_value   jsonb,
    visibility text NOT NULL CONSTRAINT chat_activity_visibility_known CHECK (visibility IN ('public', 'staff')),
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chat_id, seq)
);
