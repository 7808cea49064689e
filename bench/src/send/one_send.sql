-- One send by itself: rights and status read in the statement's snapshot, the seq taken if state_seq is still what that
-- snapshot saw, the message and its event written. It is what PostgreSQL can do at one message a transaction; chat-service
-- writes many as one statement.
WITH old AS MATERIALIZED (
    SELECT c.id, c.kind, c.state_seq, s.assigned_user_id,
        CASE $principal WHEN 'client' THEN v.id ELSE u.id END AS sender_id,
        CASE $principal WHEN 'client' THEN v.name ELSE u.name END AS sender_name
    FROM chats c
    LEFT JOIN chat_sessions s ON s.chat_id = c.id
    LEFT JOIN clients v ON v.id = s.client_id AND $principal = 'client'
    LEFT JOIN users u ON $principal <> 'client' AND u.id = $user_id AND u.is_active AND u.tokens_from <= $issued_at
        AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.family = $login AND t.revoked_at IS NOT NULL)
    LEFT JOIN chat_members p ON p.chat_id = c.id AND p.user_id = u.id AND $principal = 'user'
    WHERE c.id = $chat_id AND CASE $principal
        WHEN 'client' THEN s.status <> 'closed' AND v.banned_at IS NULL AND $visibility = 'public'
        WHEN 'staff' THEN s.chat_id IS NOT NULL AND u.role IN ('operator', 'admin')
        ELSE c.kind <> 'session' AND p.is_active AND p.can_read AND p.can_write
            AND (c.kind <> 'channel' OR p.is_admin) AND $visibility = 'public'
        END
), taken AS (
    UPDATE chats c SET seq = c.seq + 1,
        changed_at = CASE WHEN c.changed_at < now() - interval '15 seconds' THEN now() ELSE c.changed_at END
    FROM old WHERE c.id = old.id AND c.state_seq = old.state_seq
    RETURNING c.id, c.seq, clock_timestamp() AS at
), m AS (
    INSERT INTO messages (chat_id, seq, changed_seq, sender_type, sender_id, sender_name, body, client_id, visibility,
                          created_at)
    SELECT taken.id, taken.seq, taken.seq, $sender_type, old.sender_id, old.sender_name, $body, $client_id, $visibility,
           taken.at
    FROM taken, old
    RETURNING *
)
INSERT INTO outbox (lane, chat_id, seq, kind, chat_kind, visibility, assigned_user_id, data, traceparent, committed_at)
SELECT (m.chat_id % $lanes)::smallint, m.chat_id, m.seq, $kind, old.kind, m.visibility, old.assigned_user_id,
       row_to_json(j)::text, $traceparent, m.created_at
FROM m, old, LATERAL (
    SELECT m.id, m.chat_id, CASE WHEN old.kind = 'session' THEN m.chat_id END AS session_id, m.seq, m.changed_seq,
        m.sender_type, nullif(m.sender_id, 0) AS sender_id, m.sender_name, m.body, m.client_id, m.visibility,
        to_char(m.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at,
        to_char(m.edited_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS edited_at, m.is_deleted) j
RETURNING data
