//! Values from outside. The bounds of each are declared once, on its type: reader and OpenAPI document go by them.
//! Past the edge a value is known to be good.

use std::borrow::Cow;

use chat_events::Fault;
use chat_events::text::{INVISIBLE, is_visible, is_web_address, one_line, shows_nothing};
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// A text of at most so many characters, without NUL, which PostgreSQL's text cannot hold.
fn bounded(text: String, max: usize) -> Result<String, Fault> {
    if text.contains('\0') {
        return Err(Fault::new("holds a NUL character"));
    }
    if text.chars().count() > max {
        return Err(Fault::new(format!("has more than {max} characters")));
    }
    Ok(text)
}

/// Declares the type of a text: how many characters it may have, the pattern that says so, and the further checks.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident { characters: $min:literal..=$max:literal, pattern: $pattern:expr, read: $read:expr }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name(String);

        impl $name {
            /// Checks it.
            pub(crate) fn parse(text: String) -> Result<Self, Fault> {
                let read: fn(String) -> Result<String, Fault> = $read;
                bounded(text, $max).and_then(read).map(Self)
            }

            /// The text, known to be good.
            #[allow(dead_code, reason = "most are taken whole")]
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, known to be good.
            #[allow(dead_code, reason = "some are only looked at")]
            pub(crate) fn into_inner(self) -> String {
                self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(String::deserialize(deserializer)?).map_err(Fault::into_serde)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let pattern: String = $pattern;
                let schema = ObjectBuilder::new().schema_type(Type::String).max_length(Some($max)).pattern(Some(pattern));
                let min: usize = $min;
                let schema = if min > 0 { schema.min_length(Some(min)) } else { schema };
                RefOr::T(schema.build().into())
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    };
}

/// Anything but NUL.
fn any_text() -> String {
    r"^[^\x00]*$".to_owned()
}

/// A text of which one character at least shows something.
pub(crate) fn shows_something() -> String {
    format!(r"^[^\x00]*[^{INVISIBLE}][^\x00]*$")
}

text_type! {
    /// A name to show: something must show. It is kept as one line that turns nothing around it.
    Name {
        characters: 1..=200,
        pattern: shows_something(),
        read: |name| {
            let name = one_line(name);
            if shows_nothing(&name) { Err(Fault::new("is empty, or shows nothing")) } else { Ok(name) }
        }
    }
}

text_type! {
    /// Something before and something after one `@`, and nothing that does not show (RFC 5321, section 4.5.3.1.3, less the angle
    /// brackets). Whether mail arrives there, only mail can tell.
    EmailAddress {
        characters: 0..=254,
        pattern: format!("^[^@{INVISIBLE}]+@[^@{INVISIBLE}]+$"),
        read: |email| {
            let has_parts = email
                .split_once('@')
                .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
            if has_parts && email.chars().all(is_visible) { Ok(email) } else { Err(Fault::new("is not an address")) }
        }
    }
}

text_type! {
    /// An address of the web. Nothing else may end up in a link that operators click.
    PageUrl {
        characters: 0..=2000,
        pattern: format!("^https?://[^{INVISIBLE}]+$"),
        read: |url| {
            if is_web_address(&url) { Ok(url) } else { Err(Fault::new("is not an http or https address")) }
        }
    }
}

text_type! {
    /// A language tag, as the browser says (BCP 47): as long as RFC 5646, section 4.4.1, wants supported.
    Locale {
        characters: 1..=35,
        pattern: "^[A-Za-z0-9_-]+$".to_owned(),
        read: |tag| {
            let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if !tag.is_empty() && tag.bytes().all(is_good) { Ok(tag) } else { Err(Fault::new("is not a language tag")) }
        }
    }
}

text_type! {
    /// The public name of a web site in requests.
    SiteKey {
        characters: 1..=64,
        pattern: "^[a-z0-9][a-z0-9_-]*$".to_owned(),
        read: |key| {
            let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
            let begins_well = key.starts_with(|first: char| first.is_ascii_alphanumeric());
            if begins_well && key.bytes().all(is_good) { Ok(key) } else { Err(Fault::new("is not the key of a site")) }
        }
    }
}

text_type! {
    /// The name that a site has for a person.
    Identifier {
        characters: 1..=200,
        pattern: shows_something(),
        read: |text| if text.is_empty() || !text.chars().all(is_visible) { Err(Fault::new("is empty, or does not show")) } else { Ok(text) }
    }
}

text_type! {
    /// A signed identity: a JWT.
    IdentityToken {
        characters: 1..=4096,
        pattern: "^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$".to_owned(),
        read: |token| {
            let is_part = |part: &str| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            };
            let parts: Vec<&str> = token.split('.').collect();
            if parts.len() == 3 && parts.iter().all(|part| is_part(part)) { Ok(token) } else { Err(Fault::new("is no JWT")) }
        }
    }
}

text_type! {
    /// A text to be looked for.
    SearchText {
        characters: 1..=100,
        pattern: shows_something(),
        read: |text| if shows_nothing(&text) { Err(Fault::new("is empty, or shows nothing")) } else { Ok(text) }
    }
}

text_type! {
    /// An address to log in with, as it was typed.
    LoginName { characters: 0..=254, pattern: any_text(), read: Ok }
}

text_type! {
    /// A password or a token, as it was given; longer ones would only cost hashing time.
    Secret { characters: 0..=200, pattern: any_text(), read: Ok }
}

text_type! {
    /// A password that its owner chose.
    NewPassword {
        characters: 8..=200,
        pattern: any_text(),
        read: |password| {
            if password.chars().count() < 8 { Err(Fault::new("has fewer than 8 characters")) } else { Ok(password) }
        }
    }
}

/// A whole number of a query, in bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounded<const MIN: i64, const MAX: i64>(i64);

/// An id in a query.
pub(crate) type IdParam = Bounded<1, { i64::MAX }>;

/// A position in a chat; 0 is before all.
pub(crate) type SeqParam = Bounded<0, { i64::MAX }>;

impl<const MIN: i64, const MAX: i64> Bounded<MIN, MAX> {
    pub(crate) fn get(self) -> i64 {
        self.0
    }
}

/// How many rows a page may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct PageLimit(Bounded<1, 200>);

impl PageLimit {
    /// Where nothing is said.
    const DEFAULT: u16 = 50;
}

impl PartialSchema for PageLimit {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(200));
        RefOr::T(schema.default(Some(Self::DEFAULT.into())).build().into())
    }
}

impl ToSchema for PageLimit {}

/// How many rows a page has.
pub(crate) fn rows(limit: Option<PageLimit>) -> u16 {
    limit.and_then(|PageLimit(limit)| u16::try_from(limit.get()).ok()).unwrap_or(PageLimit::DEFAULT)
}

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for Bounded<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i64::deserialize(deserializer)? {
            number if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ if MAX == i64::MAX => Err(Fault::new(format!("must be at least {MIN}")).into_serde()),
            _ => Err(Fault::new(format!("must be from {MIN} to {MAX}")).into_serde()),
        }
    }
}

impl<const MIN: i64, const MAX: i64> PartialSchema for Bounded<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(MIN)).maximum(Some(MAX));
        RefOr::T(schema.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64))).build().into())
    }
}

impl<const MIN: i64, const MAX: i64> ToSchema for Bounded<MIN, MAX> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("From{MIN}To{MAX}"))
    }
}

/// An id in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(i64);

impl Id {
    pub(crate) fn get(self) -> i64 {
        self.0
    }

    /// As it is written where texts are all there is: no sign, no leading zeros.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_plain = text.starts_with(|first: char| matches!(first, '1'..='9'));
        is_plain.then(|| text.parse().ok()).flatten().map(Self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = whole(&Number::deserialize(deserializer)?).filter(|id| *id > 0);
        id.map(Self).ok_or_else(|| Fault::new("must be an id, a positive 64-bit integer").into_serde())
    }
}

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        IdParam::schema()
    }
}

impl ToSchema for Id {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Id")
    }
}

/// To JSON schema `7.0` is an integer too.
pub(crate) fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        // Beyond 2^53 a float no longer names one integer.
        let whole = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0);
        whole.and_then(|float| format!("{float:.0}").parse().ok())
    })
}

/// A value that is there, although it may be null; with `serde(default)`, which gives none for a missing value.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A value that has to be there, although it may be null: serde takes none for null by itself.
pub(crate) fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::<T>::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_two_parts() {
        for good in ["a@b", "jörg@example.com", "a+b@[127.0.0.1]"] {
            assert!(EmailAddress::parse(good.into()).is_ok(), "{good}");
        }
        let long = format!("a@{}", "b".repeat(254));
        for bad in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\0", "a\u{200b}@b", "a@b\u{202e}", &long] {
            assert!(EmailAddress::parse(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_is_on_the_web() {
        assert!(PageUrl::parse("https://example.com/a?b=c#d".into()).is_ok());
        for bad in
            ["javascript:alert(1)", "https://", "//example.com", "https://a b", "https://a\u{202e}b", "ftp://a.b"]
        {
            assert!(PageUrl::parse(bad.into()).is_err(), "{bad}");
        }
    }

    #[derive(Deserialize)]
    struct Choice {
        #[serde(deserialize_with = "required")]
        user_id: Option<Id>,
    }

    #[test]
    fn an_id_is_a_positive_integer_or_null_and_has_to_be_there() {
        let read = |json: &str| serde_json::from_str::<Choice>(json).ok().map(|choice| choice.user_id.map(Id::get));
        assert_eq!(read(r#"{"user_id": 7}"#), Some(Some(7)));
        assert_eq!(read(r#"{"user_id": 7.0}"#), Some(Some(7)));
        assert_eq!(read(r#"{"user_id": 9223372036854775807}"#), Some(Some(i64::MAX)));
        assert_eq!(read(r#"{"user_id": null}"#), Some(None));
        for bad in ["{}", r#"{"user_id": 0}"#, r#"{"user_id": 1.5}"#, r#"{"user_id": "7"}"#, r#"{"user_id": 1e300}"#] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
