//! Frames that are not served: the refusal repeats the names that they bear.

use std::time::Duration;

use chat_events::frame::MAX_CLIENT_FRAME_BYTES;
use chat_events::{ChatId, ErrorBody, ErrorCode};
use serde::Deserialize;

use crate::transport::codec::Ends;

/// A `client_id` longer than this is not repeated whole.
const CLIENT_ID_MAX: usize = 64;
const CLIENT_ID: &[u8] = br#""client_id""#;

/// The answer to a frame that came too soon.
#[must_use]
pub(crate) fn too_fast(wait: Duration) -> ErrorBody {
    ErrorBody::rate_limited("too many frames in a short time; wait a little", wait)
}

/// The answer to a frame that was passed over.
#[must_use]
pub(crate) fn too_large() -> ErrorBody {
    ErrorBody::new(ErrorCode::TooLarge, "the frame is too large").with("limit", MAX_CLIENT_FRAME_BYTES)
}

/// The names of a frame.
#[must_use]
pub(crate) fn names_of(text: &str) -> (Option<String>, Option<ChatId>) {
    #[derive(Default, Deserialize)]
    struct Names {
        client_id: Option<String>,
        #[serde(alias = "session_id")]
        chat_id: Option<ChatId>,
    }
    let Names { client_id, chat_id } = serde_json::from_str(text).unwrap_or_default();
    (client_id.as_deref().map(shortened), chat_id)
}

/// The `client_id` of a frame that is no JSON, or none that can be read as a whole, if it stands there.
#[must_use]
pub(crate) fn client_id_of(text: &str) -> Option<String> {
    client_id(text.as_bytes())
}

/// The `client_id` of a frame of which only the ends were kept, if it stands there.
#[must_use]
pub(crate) fn client_id_in(ends: &Ends) -> Option<String> {
    client_id(&ends.first).or_else(|| client_id(&ends.last))
}

fn client_id(piece: &[u8]) -> Option<String> {
    let places = piece.windows(CLIENT_ID.len()).enumerate().filter(|(_, window)| *window == CLIENT_ID);
    places.map(|(at, _)| piece.split_at(at)).find_map(|(before, rest)| {
        // Within a text the quotation mark would be escaped.
        let is_name = matches!(before.trim_ascii_end().last(), Some(b'{' | b','));
        let value = rest[CLIENT_ID.len()..].trim_ascii_start().strip_prefix(b":").filter(|_| is_name)?;
        let mut values = serde_json::Deserializer::from_slice(value).into_iter::<String>();
        values.next()?.ok().as_deref().map(shortened)
    })
}

fn shortened(id: &str) -> String {
    id.chars().take(CLIENT_ID_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_repeats_the_names_of_any_frame() {
        assert_eq!(too_fast(Duration::from_millis(20)).details["retry_after_ms"].as_u64(), Some(20));
        let names = names_of(r#"{"type":"dance","client_id":"a","session_id":7}"#);
        assert_eq!(names, (Some("a".to_owned()), Some(ChatId(7))));
        for text in ["{", "[]", r#"{"type":"ping"}"#, r#"{"client_id":7}"#] {
            assert_eq!(names_of(text), (None, None));
        }
        let long = format!(r#"{{"client_id":"{}"}}"#, "é".repeat(100));
        assert_eq!(names_of(&long).0.map(|id| id.chars().count()), Some(64));
    }

    #[test]
    fn of_a_frame_that_was_passed_over_the_name_is_known_if_it_stands_at_an_end() {
        let found = |first: &str, last: &str| client_id_in(&Ends { first: first.into(), last: last.into() });
        let named = Some("a-1".to_owned());
        assert_eq!(found(r#"{"type":"message", "client_id" : "a-1", "body":"xx"#, "xx\"}"), named);
        assert_eq!(found(r#"{"type":"message","body":"xx"#, r#"xx","client_id":"a-1","visibility":"public"}"#), named);
        // The text of a message is not taken for a name, nor is a text that is cut off.
        for last in [
            r#"xx,\"client_id\":\"a-1\"}"}"#,
            r#""client_id":"a-1"}"#,
            r#"xx","client_id":"a-"#,
            r#"xx","client_id":7}"#,
        ] {
            assert_eq!(found("", last), None, "{last}");
        }
        for metadata in [r#"{"a":1e400}"#, r#""\ud800""#, &"[".repeat(20_000)] {
            let text = format!(r#"{{"type":"message","metadata":{metadata},"client_id":"a-1","body":"x"}}"#);
            assert_eq!(client_id_of(&text), named);
        }
        let long = format!(r#"{{"client_id":"{}"}}"#, "é".repeat(100));
        assert_eq!(found(&long, "").map(|id| id.chars().count()), Some(64));
    }
}
