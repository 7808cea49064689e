//! Pieces of SQL that several statements share: the JSON of the wire types, and who may do what.
//!
//! PostgreSQL builds the JSON itself, so that an event is written to the outbox in the statement that makes it. The
//! field names are those of `chat_events`; tests read every shape back into its type. What goes into events is made by
//! `row_to_json`, which writes no white space. Aliases are fixed: `c` chats,
//! `s` chat_sessions, `v` clients, `a` the assignee in users, `m` messages.

/// A time as RFC 3339 in UTC, to the microsecond.
macro_rules! time_json {
    ($column:literal) => {
        concat!("to_char(", $column, " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    };
}

/// The fields of `chat_events::Message` from a row `m`, as a query; the chat's kind is given as SQL.
macro_rules! message_fields {
    ($kind:literal) => {
        concat!(
            "SELECT m.id, m.chat_id, CASE WHEN ",
            $kind,
            " = 'session' THEN m.chat_id END AS session_id, m.seq, m.changed_seq,
                m.sender_type, nullif(m.sender_id, 0) AS sender_id, m.sender_name,
                m.body, m.client_id, m.visibility, ",
            time_json!("m.created_at"),
            " AS created_at, ",
            time_json!("m.edited_at"),
            " AS edited_at, m.is_deleted"
        )
    };
}

/// `chat_events::Message` from a row `m`; the chat's kind is given as SQL.
macro_rules! message_json {
    ($kind:literal) => {
        concat!("(SELECT row_to_json(j) FROM (", message_fields!($kind), ") j)")
    };
}

/// What `session_json!` needs beside `c`.
macro_rules! session_joins {
    () => {
        " LEFT JOIN chat_sessions s ON s.chat_id = c.id
          LEFT JOIN clients v ON v.id = s.client_id
          LEFT JOIN users a ON a.id = s.assigned_user_id "
    };
}

/// `chat_events::Session` from `c` and `session_joins!`.
macro_rules! session_json {
    () => {
        concat!(
            "(SELECT row_to_json(j) FROM (SELECT c.id AS session_id, s.status,
                CASE WHEN a.id IS NOT NULL THEN (SELECT row_to_json(i) FROM (SELECT a.id, a.name) i) END AS assignee,
                (SELECT row_to_json(i) FROM (SELECT v.id, v.name, v.email, s.page_url, v.locale) i) AS client, ",
            time_json!("s.created_at"),
            " AS created_at, s.changed_seq AS state_seq) j)"
        )
    };
}

/// `chat_events::SessionDesk` from `s` and `v`.
macro_rules! desk_json {
    () => {
        "(SELECT row_to_json(j) FROM (SELECT s.chat_id AS session_id, v.banned_at IS NOT NULL AS is_banned, s.desk_seq) j)"
    };
}

/// `chat_events::Mark`s of the chat `c`: the reader's own, and at most 200 of others, since a chat of thousands
/// would else send them all to each of its thousands.
macro_rules! marks_json {
    ($reader_type:literal, $reader_id:literal) => {
        concat!(
            "(SELECT coalesce(json_agg(json_build_object('reader_type', k.reader_type, 'reader_id', k.reader_id,
                  'delivered_seq', k.delivered_seq, 'read_seq', k.read_seq, 'updated_at', ",
            time_json!("k.updated_at"),
            ") ORDER BY k.reader_type, k.reader_id), '[]')
              FROM (SELECT * FROM chat_marks WHERE chat_id = c.id
                        AND reader_type = ",
            $reader_type,
            " AND reader_id = ",
            $reader_id,
            " UNION
                    (SELECT * FROM chat_marks WHERE chat_id = c.id ORDER BY reader_type, reader_id LIMIT 200)) k)"
        )
    };
}

/// The chats `c` of the members `p`, each looked up by its id: what a list costs follows from the chats of its reader,
/// whatever PostgreSQL believes that a user has on average. Without `OFFSET` it would join them as it likes.
macro_rules! chats_of_members {
    () => {
        "chat_members p CROSS JOIN LATERAL (SELECT * FROM chats WHERE id = p.chat_id OFFSET 0) c"
    };
}

/// When the chat `c` changed last, as lists are ordered: microseconds since 1970. A time that no clock tells counts as long
/// ago: it must not fail the list.
macro_rules! changed_at_number {
    () => {
        "CASE WHEN c.changed_at BETWEEN '1970-01-01 UTC' AND '9999-01-01 UTC'
            THEN (extract(epoch FROM c.changed_at) * 1000000)::bigint ELSE 0 END"
    };
}

/// `chat_events::gateway_api::ChatState` of a chat `c` that is no session, with the mark of one user alone.
macro_rules! member_chat_json {
    ($user_id:literal) => {
        concat!(
            "json_build_object('chat_id', c.id, 'kind', c.kind, 'title', c.title, 'seq', c.seq,
                'state_seq', c.state_seq, 'marks',
                (SELECT coalesce(json_agg(json_build_object('reader_type', k.reader_type, 'reader_id', k.reader_id,
                     'delivered_seq', k.delivered_seq, 'read_seq', k.read_seq, 'updated_at', ",
            time_json!("k.updated_at"),
            ")), '[]')
                 FROM chat_marks k
                 WHERE k.chat_id = c.id AND k.reader_type = 'user' AND k.reader_id = ",
            $user_id,
            "))"
        )
    };
}

/// `chat_events::gateway_api::ChatState` from `c` and `session_joins!`.
macro_rules! chat_state_json {
    ($reader_type:literal, $reader_id:literal) => {
        concat!(
            "json_build_object('chat_id', c.id, 'kind', c.kind, 'title', c.title, 'seq', c.seq,
                'state_seq', c.state_seq,
                'session', CASE WHEN s.chat_id IS NOT NULL THEN ",
            session_json!(),
            " END, 'marks', ",
            marks_json!($reader_type, $reader_id),
            ")"
        )
    };
}

/// That `u` is the account of who acts, that it is open, and that the access token still counts (`$user_id`,
/// `$issued_at`, `$login`, or what is given in their place).
macro_rules! acting_user {
    () => {
        acting_user!("$user_id", "$issued_at", "$login")
    };
    ($user_id:literal, $issued_at:literal, $login:literal) => {
        concat!(
            "u.id = ",
            $user_id,
            " AND u.is_active AND u.tokens_from <= ",
            $issued_at,
            " AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.family = ",
            $login,
            " AND t.revoked_at IS NOT NULL)"
        )
    };
}

/// That who acts may write in the chat `c`, without anything else having to happen first: a closed session is opened
/// again before its client writes. `s`, `v`, `u` and `p` are joined; the kind of actor and the visibility are given.
macro_rules! may_send {
    ($principal:literal, $visibility:literal) => {
        concat!(
            "CASE ",
            $principal,
            " WHEN 'client' THEN s.status <> 'closed' AND v.banned_at IS NULL AND ",
            $visibility,
            " = 'public'
                WHEN 'staff' THEN s.chat_id IS NOT NULL AND u.role IN ('operator', 'admin')
                ELSE c.kind <> 'session' AND p.is_active AND p.can_read AND p.can_write
                    AND (c.kind <> 'channel' OR p.is_admin) AND ",
            $visibility,
            " = 'public'
            END"
        )
    };
}

/// One row about the chat `$chat_id` and who acts (`$principal`, and what `acting_user!` needs): where the chat stands
/// and what the actor may do there. No row: there is no such chat.
macro_rules! access_cte {
    () => {
        concat!(
            "access AS MATERIALIZED (
            SELECT c.id, c.kind, c.seq, c.state_seq, s.client_id, s.status, s.assigned_user_id,
                CASE $principal WHEN 'client' THEN s.client_id ELSE u.id END AS self_id,
                CASE $principal WHEN 'client' THEN v.name ELSE u.name END AS self_name,
                CASE
                    WHEN $principal = 'gateway' THEN 'allowed'
                    WHEN $principal = 'client' THEN CASE
                        WHEN s.chat_id IS NULL THEN 'unknown'
                        WHEN v.banned_at IS NOT NULL THEN 'banned'
                        ELSE 'allowed' END
                    WHEN u.id IS NULL THEN 'inactive'
                    WHEN $principal = 'staff' THEN CASE
                        WHEN u.role NOT IN ('operator', 'admin') THEN 'forbidden'
                        WHEN s.chat_id IS NULL THEN 'unknown'
                        ELSE 'allowed' END
                    WHEN p.user_id IS NULL THEN 'unknown'
                    WHEN p.is_active AND p.can_read THEN 'allowed'
                    ELSE 'forbidden'
                END AS may_read,
                ($principal <> 'user' OR (p.is_active AND p.can_write AND (c.kind <> 'channel' OR p.is_admin)))
                    IS TRUE AS may_write
            FROM chats c
            LEFT JOIN chat_sessions s ON s.chat_id = c.id
            LEFT JOIN clients v ON v.id = s.client_id AND $principal = 'client'
            LEFT JOIN users u ON $principal IN ('staff', 'user') AND ",
            acting_user!(),
            "
            LEFT JOIN chat_members p ON p.chat_id = c.id AND p.user_id = u.id AND $principal = 'user'
                AND c.kind <> 'session'
            WHERE c.id = $chat_id)"
        )
    };
}

/// The new value of `chats.changed_at`.
macro_rules! touched {
    () => {
        "CASE WHEN c.changed_at < now() - interval '15 seconds' THEN now() ELSE c.changed_at END"
    };
}

pub(crate) use {
    access_cte, acting_user, changed_at_number, chat_state_json, chats_of_members, desk_json, marks_json, may_send,
    member_chat_json, message_fields, message_json, session_joins, session_json, time_json, touched,
};
