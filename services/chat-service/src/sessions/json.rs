//! `chat_events::Session` and `SessionDesk` as SQL.

/// The joins that `session_json!` needs beside `c`.
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
            "(SELECT row_to_json(j) FROM (SELECT c.id AS session_id, s.site_id, s.status,
                CASE WHEN a.id IS NOT NULL THEN (SELECT row_to_json(i) FROM (SELECT a.id, a.name) i) END AS assignee,
                (SELECT row_to_json(i) FROM (SELECT v.id, v.name, v.email, s.page_url, v.locale) i) AS client, ",
            $crate::db::json::time_json!("s.created_at"),
            " AS created_at, s.changed_seq AS state_seq) j)"
        )
    };
}

/// `chat_events::SessionDesk` from `s` and `v`.
macro_rules! desk_json {
    () => {
        "(SELECT row_to_json(j) FROM (SELECT s.chat_id AS session_id, v.banned_at IS NOT NULL AS is_banned, v.contact_id, s.desk_seq) j)"
    };
}

pub(crate) use {desk_json, session_joins, session_json};
