//! Pieces of SQL that make JSON.
//!
//! PostgreSQL builds the JSON of the wire types itself, so that an event is written to the outbox in the statement that
//! makes it. The field names are those of `chat_events`; tests read every shape back into its type. Event JSON is
//! made by `row_to_json`, which writes no white space. Aliases are the same everywhere: `c` chats, `s` chat_sessions,
//! `v` clients, `a` the assignee in users, `m` messages, `u` the account that acts, `p` its membership,
//! `r` chat_activity.

/// A time as RFC 3339 in UTC, to the microsecond.
macro_rules! time_json {
    ($column:literal) => {
        concat!("to_char(", $column, " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    };
}

pub(crate) use time_json;
