-- Sessions that were opened with a `client_id`: the same one opens no second session when the first answer was lost. Kept for a day.
CREATE TABLE session_openings (
    client_id uuid PRIMARY KEY,
    chat_id   bigint NOT NULL REFERENCES chats ON DELETE CASCADE,
    opened_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX session_openings_by_chat ON session_openings (chat_id);
CREATE INDEX session_openings_by_time ON session_openings (opened_at);
