//! Text from outside, made fit for a label, a span or a log line: of few values, and short.

/// The longest text from outside that is shown in a span or a log line, in bytes.
const SHOWN: usize = 256;

/// The label of any other method.
pub const OTHER: &str = "other";

/// The methods of RFC 9110 and RFC 5789. A request may name any other, as long as its head may be.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];

/// The name of a method that is known; else [`OTHER`].
#[must_use]
pub fn method(method: &str) -> &'static str {
    METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER)
}

/// The beginning of a text, at most 256 bytes of it.
#[must_use]
pub fn shown(text: &str) -> &str {
    let end = (0..=SHOWN.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_is_not_known_is_one_of_the_others() {
        assert_eq!((method("GET"), method("PATCH")), ("GET", "PATCH"));
        for unknown in ["get", "", "BREW", &"A".repeat(100_000)] {
            assert_eq!(method(unknown), OTHER);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(shown("/chats/1"), "/chats/1");
        assert_eq!(shown(&"a".repeat(1000)).len(), 256);
        assert_eq!(shown(&format!("a{}", "é".repeat(1000))).len(), 255);
    }
}
