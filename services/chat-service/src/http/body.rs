//! Reading bodies exactly: what JSON schema would refuse, serde must not let through.

use std::collections::BTreeMap;
use std::fmt::{Formatter, Result as FormatResult};
use std::marker::PhantomData;

use actix_web::web::Json;
use chat_events::{ChatId, Seq};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;

use crate::input::check;

/// The body of a request: a JSON object.
pub(crate) type Body<T> = Json<Object<T>>;

/// An object and nothing else. serde would also read a struct from an array of its fields' values.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut Formatter<'_>) -> FormatResult {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// A name out of a list, as text. serde would also read `{"open": null}`.
pub(crate) fn name<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let name = String::deserialize(deserializer)?;
    T::deserialize(name.into_deserializer())
}

/// The same where null, or nothing, is as good.
pub(crate) fn optional_name<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let name = Option::<String>::deserialize(deserializer)?;
    name.map(|name| T::deserialize(name.into_deserializer()).map_err(D::Error::custom::<serde::de::value::Error>))
        .transpose()
}

/// An id or null. Without `serde(default)` it must be there.
pub(crate) fn nullable_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Option::<Number>::deserialize(deserializer)?.map(|number| id(&number)).transpose()
}

/// An id or null that is there; with `serde(default)`, which has none for one that is not.
pub(crate) fn present_nullable_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    nullable_id(deserializer).map(Some)
}

/// An id.
pub(crate) fn positive_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    id(&Number::deserialize(deserializer)?)
}

/// Positions in chats, by the id of the chat.
pub(crate) fn cursors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<ChatId, Seq>, D::Error> {
    let numbers = BTreeMap::<String, Number>::deserialize(deserializer)?;
    let cursor = |(chat, seq): (String, Number)| {
        let chat = check::id(&chat).ok_or_else(|| D::Error::custom("the name of a cursor is the id of a chat"))?;
        let seq = whole(&seq).filter(|seq| *seq >= 0);
        let seq = seq.ok_or_else(|| D::Error::custom("a cursor is a 64-bit integer of at least 0"))?;
        Ok((ChatId(chat), Seq(seq)))
    };
    numbers.into_iter().map(cursor).collect()
}

fn id<E: Error>(number: &Number) -> Result<i64, E> {
    let id = whole(number).filter(|id| *id > 0);
    id.ok_or_else(|| E::custom("an id is a positive 64-bit integer"))
}

/// To JSON schema `7.0` is an integer too.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        // Beyond 2^53 a float no longer names one integer.
        let whole = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0);
        whole.and_then(|float| format!("{float:.0}").parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use chat_events::SessionStatus;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wish {
        #[serde(deserialize_with = "name")]
        status: SessionStatus,
    }

    fn read(json: &str) -> Option<SessionStatus> {
        serde_json::from_str::<Object<Wish>>(json).ok().map(|wish| wish.0.status)
    }

    #[test]
    fn only_an_object_with_a_name_in_it_is_read() {
        assert_eq!(read(r#"{"status": "open"}"#), Some(SessionStatus::Open));
        for bad in [r#"["open"]"#, r#"{"status": {"open": null}}"#, r#"{"status": "ajar"}"#, r#"{"status": null}"#] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[derive(Deserialize)]
    struct Choice {
        #[serde(deserialize_with = "nullable_id")]
        user_id: Option<i64>,
    }

    #[test]
    fn an_id_is_a_positive_integer_or_null_and_has_to_be_there() {
        let read = |json: &str| serde_json::from_str::<Choice>(json).ok().map(|choice| choice.user_id);
        assert_eq!(read(r#"{"user_id": 7}"#), Some(Some(7)));
        assert_eq!(read(r#"{"user_id": 7.0}"#), Some(Some(7)));
        assert_eq!(read(r#"{"user_id": 9223372036854775807}"#), Some(Some(i64::MAX)));
        assert_eq!(read(r#"{"user_id": null}"#), Some(None));
        for bad in ["{}", r#"{"user_id": 0}"#, r#"{"user_id": 1.5}"#, r#"{"user_id": "7"}"#, r#"{"user_id": 1e300}"#] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
