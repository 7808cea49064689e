//! `chat_events::Activity` as SQL.

/// The fields of `chat_events::Activity` from a row `r`.
macro_rules! activity_fields {
    () => {
        concat!(
            "r.kind, (SELECT row_to_json(i) FROM (SELECT r.actor_type AS type, nullif(r.actor_id, 0) AS id,
                r.actor_name AS name) i) AS actor, r.from_value AS \"from\", r.to_value AS \"to\", ",
            $crate::db::json::time_json!("r.at"),
            " AS at"
        )
    };
}

/// `chat_events::Activity` from a row `r`.
macro_rules! activity_json {
    () => {
        concat!("(SELECT row_to_json(j) FROM (SELECT ", $crate::activity::json::activity_fields!(), ") j)")
    };
}

/// `chat_events::PlacedActivity` from a row `r`.
macro_rules! placed_activity_json {
    () => {
        concat!(
            "(SELECT row_to_json(j) FROM (SELECT r.seq, r.visibility, ",
            $crate::activity::json::activity_fields!(),
            ") j)"
        )
    };
}

/// The rows `r` of a chat that a reader with the right to read may see. `AND` or `ORDER BY` is to follow.
macro_rules! seen_activity {
    () => {
        "FROM chat_activity r WHERE r.chat_id = $chat_id AND (SELECT verdict FROM reader) = 'allowed'
            AND (r.visibility = 'public' OR $sees_notes) "
    };
}

pub(crate) use {activity_fields, activity_json, placed_activity_json, seen_activity};
