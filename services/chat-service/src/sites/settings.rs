//! The settings of a site, as they are checked and stored. Bounds are here, reader and document go by them.

use std::collections::BTreeMap;

use chat_events::{Fault, origins};
use diesel::AsChangeset;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};

use super::languages;
use crate::db::schema::sites;
use crate::error::Error;
use crate::input::fields::{Locale, Name, present};

/// How many origins a site may have.
const MAX_ORIGINS: usize = 100;
/// Of all origins of a site together, in bytes: they go into one header, and proxies take no more than 4 KiB of headers.
const MAX_ORIGIN_LIST_BYTES: usize = 3000;
/// How many languages.
const MAX_LANGUAGES: usize = 50;
/// The longest text of a widget, in characters.
const MAX_TEXT: usize = 1000;

/// Whether the widget asks for something before the first message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asks {
    /// It does not.
    #[default]
    Off,
    /// The visitor may leave it out.
    Optional,
    /// The visitor must give it.
    Required,
}

impl Asks {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }

    /// As stored; a value that this build does not know asks for nothing.
    pub(crate) fn of(stored: &str) -> Self {
        match stored {
            "optional" => Self::Optional,
            "required" => Self::Required,
            _ => Self::Off,
        }
    }
}

/// What the widget asks for before the first message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(crate) struct Prechat {
    /// The visitor's name.
    pub(crate) name: Asks,
    /// Its e-mail address.
    pub(crate) email: Asks,
}

/// The side of the page on which the launcher stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    /// Where a line ends in English.
    #[default]
    Right,
    /// The other.
    Left,
}

impl Side {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Left => "left",
        }
    }

    pub(crate) fn of(stored: &str) -> Self {
        if stored == "left" { Self::Left } else { Self::Right }
    }
}

/// The texts of a widget in one language; those that are left out are the widget's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct SiteTexts {
    /// Over the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub(crate) title: Option<WidgetText>,
    /// Where nothing has been written yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub(crate) greeting: Option<WidgetText>,
    /// The same when no operator is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub(crate) away: Option<WidgetText>,
}

/// A text of the widget: 1 to 1,000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct WidgetText(String);

impl WidgetText {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for WidgetText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let fault = match text.chars().count() {
            0 => Fault::new("is empty"),
            1..=MAX_TEXT if !text.contains('\0') => return Ok(Self(text)),
            1..=MAX_TEXT => Fault::new("holds a NUL character"),
            _ => Fault::new(format!("has more than {MAX_TEXT} characters")),
        };
        Err(fault.into_serde())
    }
}

impl utoipa::PartialSchema for WidgetText {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX_TEXT));
        RefOr::T(text.pattern(Some(r"^[^\x00]*$")).build().into())
    }
}

impl utoipa::ToSchema for WidgetText {}

/// A colour as `#` and six hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Color(String);

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(Fault::into_serde)
    }
}

impl Color {
    /// Checks it.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        match digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            true => Ok(Self(text.to_ascii_lowercase())),
            false => Err(Fault::new("is no colour: it is written like #1f6feb")),
        }
    }
}

fn color_or_null() -> Schema {
    let kinds = SchemaType::from_iter([Type::String, Type::Null]);
    let color = ObjectBuilder::new().schema_type(kinds).pattern(Some("^#[0-9a-fA-F]{6}$"));
    color.description(Some("The widget's colour; null for the usual one.")).build().into()
}

/// The origins of the pages that may show a widget.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SiteOrigins(pub(crate) Vec<String>);

impl SiteOrigins {
    /// Checks them, and leaves out what is there twice.
    pub(crate) fn parse(list: &[String]) -> Result<Self, Fault> {
        let mut origins = Vec::new();
        for origin in list {
            let origin = origins::parse(origin)?;
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        if origins.len() > MAX_ORIGINS {
            return Err(Fault::new(format!("has more than {MAX_ORIGINS} origins")));
        }
        if origins.iter().map(String::len).sum::<usize>() > MAX_ORIGIN_LIST_BYTES {
            return Err(Fault::new(format!("has more than {MAX_ORIGIN_LIST_BYTES} bytes of origins in all")));
        }
        Ok(Self(origins))
    }
}

impl<'de> Deserialize<'de> for SiteOrigins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Vec::<String>::deserialize(deserializer)?).map_err(Fault::into_serde)
    }
}

impl utoipa::PartialSchema for SiteOrigins {
    fn schema() -> RefOr<Schema> {
        let host = r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9_][a-zA-Z0-9_-]*(\.[a-zA-Z0-9_-]+)*)";
        let origin = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(origins::MAX_ORIGIN_BYTES))
            .pattern(Some(format!(r"^(\*|https?://(\*\.)?{host}(:[1-9][0-9]{{0,4}})?)$")));
        RefOr::T(ArrayBuilder::new().items(origin).max_items(Some(MAX_ORIGINS)).build().into())
    }
}

impl utoipa::ToSchema for SiteOrigins {}

/// The settings that are to be changed; those that are left out stay.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"name": "Shop", "origins": ["https://shop.example"], "color": "#1f6feb",
                          "prechat": {"email": "optional"}, "texts": {"en": {"greeting": "How can we help?"}}}))]
pub(crate) struct SiteChange {
    /// The name to show.
    #[schema(inline)]
    pub(crate) name: Option<Name>,
    /// The pages that may show the widget: `https://shop.example`, `https://*.shop.example`, `*` for every page. At most 100.
    #[schema(inline)]
    pub(crate) origins: Option<SiteOrigins>,
    /// The widget's colour; null for the usual one.
    #[serde(default, deserialize_with = "present")]
    #[schema(schema_with = color_or_null)]
    pub(crate) color: Option<Option<Color>>,
    /// Where the launcher stands.
    pub(crate) position: Option<Side>,
    /// The languages of the widget, the first for those who read none of them; none for all that it has.
    #[schema(inline, max_items = 50)]
    pub(crate) languages: Option<Vec<Locale>>,
    /// Texts by language.
    #[schema(value_type = Option<std::collections::HashMap<String, SiteTexts>>)]
    pub(crate) texts: Option<BTreeMap<String, SiteTexts>>,
    /// What the widget asks for before the first message.
    pub(crate) prechat: Option<Prechat>,
    /// Whether the widget shows the names of operators who are there.
    pub(crate) shows_operators: Option<bool>,
    /// Whether visitors are refused whose identity the site has not signed.
    pub(crate) identity_required: Option<bool>,
    /// Whether the site is archived: nobody can open a session there; its sessions stay.
    pub(crate) is_archived: Option<bool>,
}

/// The changed columns.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = sites)]
pub(crate) struct SiteColumns {
    pub(crate) name: Option<String>,
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) color: Option<Option<String>>,
    pub(crate) position: Option<&'static str>,
    pub(crate) languages: Option<Vec<String>>,
    pub(crate) texts: Option<Value>,
    pub(crate) prechat_name: Option<&'static str>,
    pub(crate) prechat_email: Option<&'static str>,
    pub(crate) shows_operators: Option<bool>,
    pub(crate) identity_required: Option<bool>,
}

/// A site in a language for which there are no words would be one in another.
fn known(field: &str, language: &str) -> Result<(), Error> {
    if languages::is_spoken(language) {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        format!("{field} has {language}, and there are words for {}", languages::SPOKEN.join(", ")),
    ))
}

impl SiteChange {
    /// The columns, but for whether it is archived, which has a time.
    pub(crate) fn columns(self) -> Result<SiteColumns, Error> {
        let languages =
            self.languages.map(|languages| languages.into_iter().map(Locale::into_inner).collect::<Vec<_>>());
        if languages.as_ref().is_some_and(|languages| languages.len() > MAX_LANGUAGES) {
            return Err(Error::invalid("languages", format!("languages has more than {MAX_LANGUAGES} languages")));
        }
        if self.texts.as_ref().is_some_and(|texts| texts.len() > MAX_LANGUAGES) {
            return Err(Error::invalid("texts", format!("texts has more than {MAX_LANGUAGES} languages")));
        }
        for language in self.texts.iter().flat_map(BTreeMap::keys) {
            Locale::parse(language.clone())
                .map_err(|fault| Error::invalid("texts", format!("a name in texts {fault}")))?;
            known("texts", language)?;
        }
        for language in languages.iter().flatten() {
            known("languages", language)?;
        }
        Ok(SiteColumns {
            name: self.name.map(Name::into_inner),
            origins: self.origins.map(|origins| origins.0),
            color: self.color.map(|color| color.map(|color| color.0)),
            position: self.position.map(Side::as_str),
            languages,
            texts: self.texts.map(serde_json::to_value).transpose()?,
            prechat_name: self.prechat.map(|prechat| prechat.name.as_str()),
            prechat_email: self.prechat.map(|prechat| prechat.email.as_str()),
            shows_operators: self.shows_operators,
            identity_required: self.identity_required,
        })
    }
}
