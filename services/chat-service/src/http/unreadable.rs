//! Requests that cannot be read: what was wrong with them, never what they held.

use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use chat_events::{ErrorBody, ErrorCode};

/// A body.
pub(crate) fn json(why: &JsonPayloadError) -> ErrorBody {
    match why {
        JsonPayloadError::OverflowKnownLength { limit, .. } | JsonPayloadError::Overflow { limit } => {
            ErrorBody::new(ErrorCode::TooLarge, "the body is too large").with("limit", *limit)
        }
        JsonPayloadError::ContentType => {
            ErrorBody::new(ErrorCode::UnsupportedMediaType, "the body must be application/json")
        }
        JsonPayloadError::Deserialize(why) if why.is_data() => bad_value(&why.to_string()),
        JsonPayloadError::Deserialize(why) => {
            let (line, column) = (why.line(), why.column());
            ErrorBody::new(ErrorCode::BadRequest, format!("the body is not JSON: line {line}, column {column}"))
        }
        _ => ErrorBody::new(ErrorCode::BadRequest, "the body could not be read"),
    }
}

/// serde's words about a value, without the value: it may be a password in the wrong place. Between backquotes it
/// names the field.
fn bad_value(words: &str) -> ErrorBody {
    let words = words.split(" at line ").next().unwrap_or_default();
    let words = match (words.split_once(": string "), words.rsplit_once(", expected ")) {
        (Some((kind, _)), Some((_, expected))) => format!("{kind}: a string, expected {expected}"),
        _ => words.to_owned(),
    };
    // The name of a field may be of the caller's making.
    let words: String = words.chars().take(200).collect();
    let field = words.contains(" field `").then(|| words.split('`').nth(1)).flatten().map(str::to_owned);
    let body = ErrorBody::new(ErrorCode::Invalid, words);
    match field {
        Some(field) => body.with("field", field),
        None => body,
    }
}

/// A query.
pub(crate) fn query(why: &QueryPayloadError) -> ErrorBody {
    match why {
        QueryPayloadError::Deserialize(why) => {
            let why: String = why.to_string().chars().take(200).collect();
            ErrorBody::new(ErrorCode::BadRequest, format!("the query could not be read: {why}"))
        }
        _ => ErrorBody::new(ErrorCode::BadRequest, "the query could not be read"),
    }
}

/// A path.
pub(crate) fn path(why: &PathError) -> ErrorBody {
    tracing::debug!(why = telemetry::labels::shown(&why.to_string()), "a path could not be read");
    ErrorBody::new(ErrorCode::BadRequest, "an id in a path is a 64-bit integer")
}
