//! Reading bodies and queries exactly: serde must not let values through that the OpenAPI document would refuse. A
//! fault of a value is told with the name of its field.

use std::fmt::{Formatter, Result as FormatResult};
use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::error::JsonPayloadError;
use actix_web::web::Json;
use actix_web::{FromRequest, HttpRequest};
use chat_events::ErrorBody;
use futures_util::future::{FutureExt, LocalBoxFuture};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_path_to_error::Track;

use super::api_error::ApiError;
use super::unreadable;

/// The body of a request: a JSON object.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let json = Json::<Box<RawValue>>::from_request(request, payload);
        async move {
            // The words for a body that is no JSON, or too large, are those of `json_config`.
            let json = json.await.map_err(|why| why.as_error().cloned().unwrap_or_else(ApiError::unread))?;
            read_object(json.get()).map(Self).map_err(ApiError)
        }
        .boxed_local()
    }
}

/// Reads a JSON object, whose fields are all known.
pub(crate) fn read_object<T: DeserializeOwned>(json: &str) -> Result<T, ErrorBody> {
    match read_at_once(json) {
        Some(read) => Ok(read),
        None => read_again(json),
    }
}

/// Reads it without keeping the path, which costs as much as the reading.
fn read_at_once<T: DeserializeOwned>(json: &str) -> Option<T> {
    let (mut reader, mut all_known) = (serde_json::Deserializer::from_str(json), true);
    let Object(read) = serde_ignored::deserialize(&mut reader, |_| all_known = false).ok()?;
    all_known.then_some(read)
}

/// Reads an unreadable body again, to name its fault, and the place.
fn read_again<T: DeserializeOwned>(json: &str) -> Result<T, ErrorBody> {
    let (mut track, mut unknown) = (Track::new(), None);
    let mut reader = serde_json::Deserializer::from_str(json);
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let read = serde_ignored::deserialize(tracked, |path| _ = unknown.get_or_insert_with(|| path.to_string()));
    match (read, unknown) {
        (Ok(Object(read)), None) => Ok(read),
        // A question mark stands for a value that may be null.
        (Ok(_), Some(field)) => Err(unreadable::unknown_field(&field.replace("?.", ""))),
        (Err(why), _) => Err(unreadable::json(&track.path().to_string(), &JsonPayloadError::Deserialize(why))),
    }
}

/// The query of a request.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read_query(request.query_string()).map(Self).map_err(ApiError))
    }
}

/// Reads a query, whose fields are all known.
pub(crate) fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, ErrorBody> {
    let (mut track, mut unknown) = (Track::new(), None);
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    let tracked = serde_path_to_error::Deserializer::new(reader, &mut track);
    let read = serde_ignored::deserialize(tracked, |path| _ = unknown.get_or_insert_with(|| path.to_string()));
    match (read, unknown) {
        (Ok(read), None) => Ok(read),
        (Ok(_), Some(field)) => Err(unreadable::query(&field, "is not known here")),
        (Err(why), _) => Err(unreadable::query(&track.path().to_string(), &why.to_string())),
    }
}

/// An object and nothing else. serde would also read a struct from an array of its fields' values.
struct Object<T>(T);

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

#[cfg(test)]
mod tests {
    use chat_events::{ErrorCode, SessionStatus, text};

    use super::*;
    use crate::input::fields::{Id, Name};

    #[derive(Debug, Deserialize)]
    struct Wish {
        #[serde(deserialize_with = "text::name")]
        status: SessionStatus,
        name: Option<Name>,
        user_id: Option<Id>,
    }

    fn refused(json: &str) -> (ErrorCode, Option<String>, String) {
        let ErrorBody { code, message, details, .. } = read_object::<Wish>(json).expect_err(json);
        (code, details.get("field").and_then(|field| field.as_str()).map(str::to_owned), message)
    }

    #[test]
    fn only_an_object_with_known_fields_is_read() {
        let read = read_object::<Wish>(r#"{"status": "open", "name": "Ada", "user_id": 7.0}"#).expect("good");
        assert_eq!((read.status, read.user_id.map(Id::get)), (SessionStatus::Open, Some(7)));
        assert_eq!(read.name.map(Name::into_inner).as_deref(), Some("Ada"));
        for bad in
            [r#"["open"]"#, r#"{"status": {"open": null}}"#, r#"{"status": "ajar"}"#, r#"{"status": null}"#, "{}"]
        {
            assert_eq!(refused(bad).0, ErrorCode::Invalid, "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field_and_without_the_value() {
        for (bad, field, message) in [
            (r#"{"status": "open", "name": " "}"#, "name", "name is empty, or shows nothing"),
            (r#"{"status": "open", "name": 7}"#, "name", "name: invalid type: integer `7`, expected a string"),
            (
                r#"{"status": "open", "user_id": "hunter2"}"#,
                "user_id",
                "user_id: invalid type: a string, expected a JSON number",
            ),
            (r#"{"status": "open", "user_id": 0}"#, "user_id", "user_id must be an id, a positive 64-bit integer"),
            (r#"{"status": "open", "nmae": "Ada"}"#, "nmae", "nmae is not known here"),
            (r#"{"name": "Ada"}"#, "status", "missing field `status`"),
        ] {
            assert_eq!(refused(bad), (ErrorCode::Invalid, Some(field.to_owned()), message.to_owned()));
        }
    }
}
