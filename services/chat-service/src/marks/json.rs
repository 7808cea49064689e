//! `chat_events::Mark`s as SQL.

/// `chat_events::Mark`s of the chat `c`: the reader's own, and at most 200 of others, since a chat of thousands
/// would else send them all to each of its thousands.
macro_rules! marks_json {
    ($reader_type:literal, $reader_id:literal) => {
        concat!(
            "(SELECT coalesce(json_agg(json_build_object('reader_type', k.reader_type, 'reader_id', k.reader_id,
                  'delivered_seq', k.delivered_seq, 'read_seq', k.read_seq, 'updated_at', ",
            $crate::db::json::time_json!("k.updated_at"),
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

pub(crate) use marks_json;
