//! Signs of life that clients give: somebody types, a visitor looks at a page, an operator at a session. The same in a frame and in REST; others hear of them
//! by a [`Signal`](crate::Signal).

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use crate::fault::Fault;
use crate::ids::ChatId;
use crate::message::Visibility;
use crate::text::{INVISIBLE, is_web_address, one_line, optional_name, shows_nothing};

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sign {
    /// Somebody types, or stopped.
    Typing(Typing),
    /// A visitor looks at a page.
    Page(Page),
    /// An operator looks at a session, or has left it.
    Viewing(Viewing),
}

/// Somebody types, or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Typing {
    /// False when it stopped.
    pub is_typing: bool,
    /// `staff` while an operator types a note; left out, it is public.
    #[serde(default, deserialize_with = "optional_name")]
    pub visibility: Option<Visibility>,
}

/// A visitor looks at a page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Page {
    /// Its address.
    pub url: PageAddress,
    /// Its title.
    #[serde(default)]
    pub title: Option<PageTitle>,
}

/// An operator looks at a session, or has left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Viewing {
    /// False when it left.
    pub is_viewing: bool,
}

/// A frame with a sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignFrame {
    /// Where; the client of a session may leave it out.
    pub chat_id: Option<ChatId>,
    /// The sign.
    pub sign: Sign,
}

impl Sign {
    /// The types of their frames.
    pub const TYPES: [&str; 3] = ["typing", "page", "viewing"];

    /// Reads the frame of a type that is a sign; none for any other. Read from its own text, it knows the field of a fault.
    pub(crate) fn read<'de, D: Deserializer<'de>>(kind: &str, frame: D) -> Option<Result<Self, D::Error>> {
        Some(match kind {
            "typing" => Typing::deserialize(frame).map(Self::Typing),
            "page" => Page::deserialize(frame).map(Self::Page),
            "viewing" => Viewing::deserialize(frame).map(Self::Viewing),
            _ => return None,
        })
    }
}

/// The address of a page: `http` or `https`, at most [`Self::MAX_CHARS`] characters, each of which shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PageAddress(String);

impl PageAddress {
    /// The longest, in Unicode characters.
    pub const MAX_CHARS: usize = 2048;

    /// The longest, in bytes: with its title it fits into one NOTIFY, whatever JSON makes of it.
    const MAX_BYTES: usize = 4096;

    /// Checks one.
    pub fn parse(url: String) -> Result<Self, Fault> {
        let url = bounded(url, Self::MAX_CHARS)?;
        if url.len() > Self::MAX_BYTES {
            return Err(Fault::new("has more than 4096 bytes"));
        }
        if is_web_address(&url) { Ok(Self(url)) } else { Err(Fault::new("is not an http or https address")) }
    }

    /// The text.
    #[must_use]
    pub fn into_inner(self) -> String {
        self.0
    }
}

/// The title of a page: one line of at most [`Self::MAX_CHARS`] characters, or none if nothing of it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PageTitle(Option<String>);

impl PageTitle {
    /// The longest, in Unicode characters.
    pub const MAX_CHARS: usize = 200;

    /// Checks one.
    pub fn parse(title: String) -> Result<Self, Fault> {
        let title = one_line(bounded(title, Self::MAX_CHARS)?);
        Ok(Self((!shows_nothing(&title)).then_some(title)))
    }

    /// The text, if there is something to show.
    #[must_use]
    pub fn into_inner(self) -> Option<String> {
        self.0
    }
}

fn bounded(text: String, max: usize) -> Result<String, Fault> {
    if text.len() > max && text.chars().count() > max {
        return Err(Fault::new(format!("has more than {max} characters")));
    }
    Ok(text)
}

impl<'de> Deserialize<'de> for PageAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(Fault::into_serde)
    }
}

impl<'de> Deserialize<'de> for PageTitle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(Fault::into_serde)
    }
}

impl PartialSchema for PageAddress {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::String).max_length(Some(Self::MAX_CHARS));
        RefOr::T(schema.pattern(Some(format!("^https?://[^{INVISIBLE}]+$"))).build().into())
    }
}

impl utoipa::ToSchema for PageAddress {}

impl PartialSchema for PageTitle {
    fn schema() -> RefOr<Schema> {
        RefOr::T(ObjectBuilder::new().schema_type(Type::String).max_length(Some(Self::MAX_CHARS)).build().into())
    }
}

impl utoipa::ToSchema for PageTitle {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_an_address_of_the_web_and_a_title_of_one_line() {
        let long = format!("https://shop.example/{}", "ü".repeat(PageAddress::MAX_CHARS - 21));
        assert!(PageAddress::parse(long.clone()).is_ok());
        for bad in [long + "x", "javascript:alert(1)".into(), "https://a b".into(), "https://a\0".into(), String::new()]
        {
            assert!(PageAddress::parse(bad.clone()).is_err(), "{bad}");
        }
        let title = |text: &str| PageTitle::parse(text.to_owned()).map(PageTitle::into_inner);
        assert_eq!(title("Cart\n\u{202e}now\0"), Ok(Some("Cart now ".to_owned())));
        assert_eq!(title(" \u{200b}"), Ok(None));
        assert!(title(&"x".repeat(PageTitle::MAX_CHARS)).is_ok() && title(&"x".repeat(201)).is_err());
    }
}
