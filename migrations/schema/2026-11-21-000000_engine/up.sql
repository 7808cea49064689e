-- The engine's tables. Every chat kind is here from the start; a support session is a chat with one row in
-- chat_sessions, and its session_id is the chat's id.

-- One row: what must not differ between two starts on the same database.
CREATE TABLE installation (
    id       boolean PRIMARY KEY DEFAULT true CONSTRAINT installation_is_one_row CHECK (id),
    epoch    integer NOT NULL DEFAULT 1,
    lanes    integer            -- set by the first start, compared by every later one
);
INSERT INTO installation DEFAULT VALUES;

CREATE TABLE users (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email         text NOT NULL,
    name          text NOT NULL,
    role          text NOT NULL CONSTRAINT users_role_known CHECK (role IN ('user', 'operator', 'admin')),
    password_hash text NOT NULL,
    is_active     boolean NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_unique ON users (lower(email));

-- A login and the refresh tokens that came from it, one after the other. Only hashes are stored.
CREATE TABLE refresh_tokens (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    family     uuid NOT NULL,
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    token_hash bytea NOT NULL CONSTRAINT refresh_tokens_hash_unique UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    revoked_at timestamptz
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);

-- Visitors of web sites.
CREATE TABLE clients (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text,
    email       text,
    locale      text,
    metadata    jsonb NOT NULL DEFAULT '{}',
    secret_hash bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- The row that every durable change in a chat locks, to take the next seq.
CREATE TABLE chats (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CONSTRAINT chats_kind_known
                   CHECK (kind IN ('direct', 'group', 'channel', 'record', 'session')),
    title      text,
    record_ref text,
    seq        bigint NOT NULL DEFAULT 0,
    -- seq of the last change to the chat itself, its session or its members. A send compares it under the lock
    -- with what it checked, so that rights and status cannot change in between.
    state_seq  bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The last change, to within 15 s: a change moves it only when it is older than that, so that nearly every
    -- send leaves all indexed columns alone and, with the room in each page, stays a heap-only update.
    changed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
CREATE INDEX chats_sessions_by_change ON chats (changed_at) WHERE kind = 'session';

CREATE TABLE chat_members (
    chat_id           bigint NOT NULL REFERENCES chats ON DELETE CASCADE,
    user_id           bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    is_active         boolean NOT NULL DEFAULT true,
    is_admin          boolean NOT NULL DEFAULT false,
    can_read          boolean NOT NULL DEFAULT true,
    can_write         boolean NOT NULL DEFAULT true,
    can_pin           boolean NOT NULL DEFAULT false,
    can_invite        boolean NOT NULL DEFAULT false,
    can_delete_others boolean NOT NULL DEFAULT false,
    joined_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chat_id, user_id)
);
CREATE INDEX chat_members_user ON chat_members (user_id) WHERE is_active;

CREATE TABLE chat_sessions (
    chat_id          bigint PRIMARY KEY REFERENCES chats ON DELETE CASCADE,
    client_id        bigint NOT NULL REFERENCES clients,
    status           text NOT NULL DEFAULT 'open' CONSTRAINT chat_sessions_status_known
                         CHECK (status IN ('open', 'pending', 'closed')),
    assigned_user_id bigint REFERENCES users,
    page_url         text,
    created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX chat_sessions_by_status ON chat_sessions (status, chat_id DESC);
CREATE INDEX chat_sessions_by_assignee ON chat_sessions (assigned_user_id, chat_id DESC);
CREATE INDEX chat_sessions_by_client ON chat_sessions (client_id);

CREATE TABLE messages (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chat_id      bigint NOT NULL REFERENCES chats ON DELETE CASCADE,
    seq          bigint NOT NULL,
    changed_seq  bigint NOT NULL,
    sender_type  text NOT NULL CONSTRAINT messages_sender_type_known
                     CHECK (sender_type IN ('client', 'operator', 'user', 'bot', 'system')),
    sender_id    bigint NOT NULL,   -- 0 for the system
    sender_name  text,
    body         text NOT NULL,
    client_id    uuid NOT NULL,
    visibility   text NOT NULL CONSTRAINT messages_visibility_known CHECK (visibility IN ('public', 'staff')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    edited_at    timestamptz,
    delivered_at timestamptz,
    read_at      timestamptz,
    is_deleted   boolean NOT NULL DEFAULT false,
    CONSTRAINT messages_seq_unique UNIQUE (chat_id, seq),
    CONSTRAINT messages_changed_seq_unique UNIQUE (chat_id, changed_seq),
    CONSTRAINT messages_client_id_unique UNIQUE (chat_id, sender_type, sender_id, client_id)
);

-- Delivered and read cursors. They only rise and take no seq.
CREATE TABLE chat_marks (
    chat_id       bigint NOT NULL REFERENCES chats ON DELETE CASCADE,
    reader_type   text NOT NULL CONSTRAINT chat_marks_reader_known CHECK (reader_type IN ('client', 'user')),
    reader_id     bigint NOT NULL,
    delivered_seq bigint NOT NULL DEFAULT 0,
    read_seq      bigint NOT NULL DEFAULT 0,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chat_id, reader_type, reader_id)
);

-- Events that wait for the relay. Written in the transaction of the change; deleted when the next part has confirmed.
CREATE TABLE outbox (
    lane             smallint NOT NULL,
    chat_id          bigint NOT NULL,
    seq              bigint NOT NULL,
    kind             text NOT NULL,
    chat_kind        text NOT NULL,
    visibility       text NOT NULL,
    assigned_user_id bigint,
    user_ids         bigint[] NOT NULL DEFAULT '{}',
    data             text NOT NULL,      -- JSON: the message, session or member, whole, at this seq
    traceparent      text,
    committed_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (lane, chat_id, seq)
) WITH (
    -- Rows live for milliseconds: without frequent vacuum the relay's scan would wade through dead ones.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000
);
