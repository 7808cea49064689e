//! The fault of a value from outside: told by its type, and carried to the answer by serde.

use serde::de::Error;

use crate::error::{ErrorBody, ErrorCode};

/// Marks our own words among those of serde.
const MARK: char = '\u{1f}';

/// The fault of a value, to follow the name of its field: "has more than 200 characters".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);

impl Fault {
    /// In these words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// In the field of that name.
    #[must_use]
    pub fn of(&self, field: &str) -> ErrorBody {
        ErrorBody::field(ErrorCode::Invalid, field, format!("{field} {self}"))
    }

    /// As an error of serde, which keeps nothing but words.
    pub fn into_serde<E: Error>(self) -> E {
        E::custom(format!("{MARK}{self}"))
    }

    /// Out of the words of serde.
    #[must_use]
    pub fn in_words(words: &str) -> Option<Self> {
        words.strip_prefix(MARK).map(Self::new)
    }
}
