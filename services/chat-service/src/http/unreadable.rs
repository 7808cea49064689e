//! Requests that cannot be read: their fault is told, never their content.

use actix_web::error::{JsonPayloadError, PathError};
use chat_events::{ErrorBody, ErrorCode, Fault};

/// The longest name of a field, or words about one, that are told: both may be of the caller's making.
const MOST_CHARACTERS: usize = 200;

/// A body. The path leads to the value that could not be read, where that is known.
pub(crate) fn json(path: &str, why: &JsonPayloadError) -> ErrorBody {
    match why {
        JsonPayloadError::OverflowKnownLength { limit, .. } | JsonPayloadError::Overflow { limit } => {
            ErrorBody::new(ErrorCode::TooLarge, "the body is too large").with("limit", *limit)
        }
        JsonPayloadError::ContentType => {
            ErrorBody::new(ErrorCode::UnsupportedMediaType, "the body must be application/json")
        }
        JsonPayloadError::Deserialize(why) if why.is_data() => value(path, &why.to_string()),
        JsonPayloadError::Deserialize(why) => {
            let (line, column) = (why.line(), why.column());
            ErrorBody::new(ErrorCode::BadRequest, format!("the body is not JSON: line {line}, column {column}"))
        }
        _ => ErrorBody::new(ErrorCode::BadRequest, "the body could not be read"),
    }
}

/// A value that is JSON and does not fit.
fn value(path: &str, words: &str) -> ErrorBody {
    let words = words.split(" at line ").next().unwrap_or_default();
    if let (Some(fault), Some(field)) = (Fault::in_words(words), field(path)) {
        return fault.of(&field);
    }
    let words = shortened(&without_value(words));
    // Between backquotes serde names the field that is missing, or there twice.
    let named = words.contains(" field `").then(|| words.split('`').nth(1)).flatten().map(str::to_owned);
    match (named, field(path)) {
        (Some(field), _) => ErrorBody::field(ErrorCode::Invalid, &field, words),
        (None, Some(field)) => ErrorBody::field(ErrorCode::Invalid, &field, format!("{field}: {words}")),
        (None, None) => ErrorBody::new(ErrorCode::Invalid, words),
    }
}

/// serde's words without a text: it may be a password in the wrong place.
fn without_value(words: &str) -> String {
    match (words.split_once(": string "), words.rsplit_once(", expected ")) {
        (Some((kind, _)), Some((_, expected))) => format!("{kind}: a string, expected {expected}"),
        _ => words.to_owned(),
    }
}

fn field(path: &str) -> Option<String> {
    (!path.is_empty() && path != ".").then(|| shortened(path))
}

fn shortened(text: &str) -> String {
    text.chars().take(MOST_CHARACTERS).collect()
}

/// A field of a body that is not known.
pub(crate) fn unknown_field(path: &str) -> ErrorBody {
    let field = shortened(path);
    ErrorBody::field(ErrorCode::Invalid, &field, format!("{field} is not known here"))
}

/// A query. A value that is out of bounds could be read.
pub(crate) fn query(path: &str, words: &str) -> ErrorBody {
    match (Fault::in_words(words), field(path)) {
        (Some(fault), Some(field)) => fault.of(&field),
        (_, field) => {
            let why = format!("the query could not be read: {}", shortened(&without_value(words)));
            let error = ErrorBody::new(ErrorCode::BadRequest, why);
            if let Some(field) = field { error.with("field", field) } else { error }
        }
    }
}

/// A path.
pub(crate) fn path(why: &PathError) -> ErrorBody {
    tracing::debug!(why = telemetry::labels::shown(&why.to_string()), "a path could not be read");
    not_an_id()
}

/// A part of a path that should be an id.
pub(crate) fn not_an_id() -> ErrorBody {
    ErrorBody::new(ErrorCode::BadRequest, "an id in a path is a 64-bit integer")
}
