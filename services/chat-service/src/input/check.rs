//! What comes in from outside, checked at the edge: past it a value is known to be good.

use chat_events::text::{is_visible, one_line, shows_nothing};

use crate::error::Error;

/// Characters.
pub(crate) const MAX_NAME: usize = 200;
/// Characters (RFC 5321, section 4.5.3.1.3, less the angle brackets).
pub(crate) const MAX_EMAIL: usize = 254;
/// Characters.
pub(crate) const MAX_URL: usize = 2000;
/// Characters: the longest tag that RFC 5646, section 4.4.1, wants supported.
pub(crate) const MAX_LOCALE: usize = 35;
/// Characters; longer ones would only cost hashing time.
pub(crate) const MAX_PASSWORD: usize = 200;
/// Characters.
pub(crate) const MIN_PASSWORD: usize = 8;

/// A text of at most so many characters, without NUL, which PostgreSQL's text cannot hold.
pub(crate) fn text(field: &str, text: String, max: usize) -> Result<String, Error> {
    if text.contains('\0') {
        return Err(Error::invalid(field, format!("{field} holds a NUL character")));
    }
    if text.chars().count() > max {
        return Err(Error::invalid(field, format!("{field} has more than {max} characters")));
    }
    Ok(text)
}

/// A name that shows something, as one line that turns nothing around it.
pub(crate) fn name(field: &str, name: String) -> Result<String, Error> {
    let name = one_line(text(field, name, MAX_NAME)?);
    if shows_nothing(&name) {
        return Err(Error::invalid(field, format!("{field} is empty, or shows nothing")));
    }
    Ok(name)
}

/// Something before and something after one `@`, and nothing that does not show. Whether mail arrives there, only mail can tell.
pub(crate) fn email(field: &str, email: String) -> Result<String, Error> {
    let email = text(field, email, MAX_EMAIL)?;
    let has_parts = email
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if !has_parts || !email.chars().all(is_visible) {
        return Err(Error::invalid(field, format!("{field} is not an address")));
    }
    Ok(email)
}

/// An address of the web. Nothing else may end up in a link that operators click.
pub(crate) fn url(field: &str, url: String) -> Result<String, Error> {
    let url = text(field, url, MAX_URL)?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && rest.chars().all(is_visible) => Ok(url),
        _ => Err(Error::invalid(field, format!("{field} is not an http or https address"))),
    }
}

/// A language tag: letters, digits and hyphens.
pub(crate) fn locale(field: &str, locale: String) -> Result<String, Error> {
    let locale = text(field, locale, MAX_LOCALE)?;
    if locale.is_empty() || !locale.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return Err(Error::invalid(field, format!("{field} is not a language tag")));
    }
    Ok(locale)
}

/// A password that somebody chose.
pub(crate) fn password(field: &str, password: String) -> Result<String, Error> {
    if password.chars().count() < MIN_PASSWORD {
        return Err(Error::invalid(field, format!("{field} has fewer than {MIN_PASSWORD} characters")));
    }
    text(field, password, MAX_PASSWORD)
}

/// How many rows a page may have, and has when nothing is said.
pub(crate) fn limit(limit: Option<u16>) -> Result<u16, Error> {
    match limit.unwrap_or(50) {
        limit @ 1..=200 => Ok(limit),
        _ => Err(Error::invalid("limit", "limit must be from 1 to 200")),
    }
}

/// An id as it is written: no sign, no leading zeros.
pub(crate) fn id(text: &str) -> Option<i64> {
    text.starts_with(|first: char| matches!(first, '1'..='9')).then(|| text.parse().ok()).flatten()
}

/// An id that a page begins after.
pub(crate) fn cursor(field: &str, id: Option<i64>) -> Result<Option<i64>, Error> {
    match id {
        Some(..1) => Err(Error::invalid(field, format!("{field} must be at least 1"))),
        id => Ok(id),
    }
}

/// A position in a chat; 0 is before all.
pub(crate) fn seq(field: &str, seq: Option<i64>) -> Result<Option<i64>, Error> {
    match seq {
        Some(..0) => Err(Error::invalid(field, format!("{field} must be at least 0"))),
        seq => Ok(seq),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_two_parts() {
        for good in ["a@b", "jörg@example.com", "a+b@[127.0.0.1]"] {
            assert!(email("email", good.into()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "a b@c",
            "a@b\0",
            "a\u{200b}@b",
            "a@b\u{202e}",
            &format!("a@{}", "b".repeat(MAX_EMAIL)),
        ] {
            assert!(email("email", bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_is_on_the_web() {
        assert!(url("page_url", "https://example.com/a?b=c#d".into()).is_ok());
        for bad in [
            "javascript:alert(1)",
            "https://",
            "//example.com",
            "https://a b",
            "https://a\u{202e}b",
            "ftp://example.com",
        ] {
            assert!(url("page_url", bad.into()).is_err(), "{bad}");
        }
    }
}
