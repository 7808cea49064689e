//! `chat_events::gateway_api::ChatState` as SQL, and the SQL that lists of chats share.

/// The chats `c` of the members `p`, each looked up by its id: the cost of a list follows from the chats of its reader,
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
            $crate::db::json::time_json!("k.updated_at"),
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
            $crate::sessions::json::session_json!(),
            " END, 'marks', ",
            $crate::marks::json::marks_json!($reader_type, $reader_id),
            ")"
        )
    };
}

pub(crate) use {changed_at_number, chat_state_json, chats_of_members, member_chat_json};
