//! `metadata`: free JSON from outside. It is kept in the very words in which PostgreSQL gives it back, so accepted
//! metadata can be read, comes back equal to the last digit, and is as long as it was counted.
//!
//! No number goes through a float: `1e300` is written out, as PostgreSQL does it, and counts as 301 characters.

use std::collections::HashSet;
use std::fmt::{Formatter, Result as FormatResult};

use serde::de::{MapAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};

use crate::fault::Fault;

/// Bytes, as PostgreSQL prints it: numbers written out, a space behind each colon and comma.
pub const MAX_BYTES: usize = 8 * 1024;
/// Levels of objects and arrays, the outermost included.
const MAX_DEPTH: usize = 4;
/// The bound of shown metadata, longer than the other: earlier versions let metadata in that is longer as printed than
/// as it was sent. Beyond this it is left out.
pub const MAX_SHOWN_BYTES: usize = 4 * MAX_BYTES;
/// Names that the reader of JSON takes for its own: a value under one of them would not come back as it is.
const RESERVED: &str = "$serde_json::private::";

/// No exponent that a 64-bit float can have is larger.
const MAX_EXPONENT: i32 = 400;

/// A JSON object that PostgreSQL stores and gives back as it is, but for the order of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata(String);

impl Default for Metadata {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sent = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(sent.get()).map_err(|flaw| Fault::new(flaw.to_string()).into_serde())
    }
}

impl Metadata {
    /// Reads it as it was sent.
    fn parse(sent: &str) -> Result<Self, Flaw> {
        let mut printed = Printed(String::new());
        if !sent.starts_with('{') {
            return Err(Flaw::NoObject);
        }
        printed.value(sent, MAX_DEPTH)?;
        Ok(Self(printed.0))
    }

    /// As PostgreSQL prints it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The accepted metadata, as far as JSON schema can say it: texts without NUL, numbers, truth values, null, and
    /// arrays and objects of these.
    #[must_use]
    pub fn schema(what: &str) -> Schema {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
            .description(Some(format!("{what} {LIMITS}")))
            .max_properties(Some(50))
            .property_names(Some(names()))
            .additional_properties(Some(AdditionalProperties::RefOr(value_schema(MAX_DEPTH - 1))))
            .build()
            .into()
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        json.serialize(serializer)
    }
}

const LIMITS: &str = "At most 8 KiB of JSON with its numbers written out, nested at most 4 deep. Numbers are finite 64-bit \
    floats, and no name is twice in one object.";

const TEXT: &str = r"^[^\x00]*$";

fn names() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(TEXT)).build().into()
}

fn value_schema(depth: usize) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(8000)).pattern(Some(TEXT));
    let mut any = OneOfBuilder::new()
        .item(text)
        .item(ObjectBuilder::new().schema_type(Type::Number))
        .item(ObjectBuilder::new().schema_type(Type::Boolean))
        .item(ObjectBuilder::new().schema_type(Type::Null));
    if depth > 0 {
        let inner = value_schema(depth - 1);
        any = any.item(ArrayBuilder::new().items(inner.clone())).item(
            ObjectBuilder::new()
                .property_names(Some(names()))
                .additional_properties(Some(AdditionalProperties::RefOr(inner))),
        );
    }
    RefOr::T(any.build().into())
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Flaw {
    #[error("is not an object")]
    NoObject,
    #[error("is longer than {MAX_BYTES} bytes, with its numbers written out")]
    TooLong,
    #[error("is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("holds a NUL character")]
    Nul,
    #[error("holds half a surrogate pair")]
    Surrogate,
    #[error("has the same name twice in one object")]
    Twice,
    #[error("holds a number that a 64-bit float could not give back")]
    Number,
    #[error("has a name that begins with {RESERVED}, which is reserved")]
    Reserved,
}

/// The words of PostgreSQL for the part that was read so far.
struct Printed(String);

impl Printed {
    fn push(&mut self, text: &str) -> Result<(), Flaw> {
        if self.0.len() + text.len() > MAX_BYTES {
            return Err(Flaw::TooLong);
        }
        self.0.push_str(text);
        Ok(())
    }

    /// A value that is known to be JSON.
    fn value(&mut self, json: &str, levels: usize) -> Result<(), Flaw> {
        match json.as_bytes().first() {
            Some(b'{' | b'[') if levels == 0 => Err(Flaw::TooDeep),
            Some(b'{') => self.object(json, levels - 1),
            Some(b'[') => self.array(json, levels - 1),
            Some(b'"') => self.text(&serde_json::from_str::<String>(json).map_err(|_| Flaw::Surrogate)?),
            Some(b'-' | b'0'..=b'9') => self.push(&written_out(json).ok_or(Flaw::Number)?),
            _ => self.push(json),
        }
    }

    fn object(&mut self, json: &str, levels: usize) -> Result<(), Flaw> {
        let Fields(fields) = serde_json::from_str(json).map_err(|_| Flaw::Surrogate)?;
        let mut names = HashSet::new();
        self.push("{")?;
        for (index, (name, value)) in fields.iter().enumerate() {
            if name.starts_with(RESERVED) {
                return Err(Flaw::Reserved);
            }
            if !names.insert(name) {
                return Err(Flaw::Twice);
            }
            self.push(if index == 0 { "" } else { ", " })?;
            self.text(name)?;
            self.push(": ")?;
            self.value(value.get(), levels)?;
        }
        self.push("}")
    }

    fn array(&mut self, json: &str, levels: usize) -> Result<(), Flaw> {
        let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| Flaw::Surrogate)?;
        self.push("[")?;
        for (index, item) in items.iter().enumerate() {
            self.push(if index == 0 { "" } else { ", " })?;
            self.value(item.get(), levels)?;
        }
        self.push("]")
    }

    /// Both escape the characters that JSON says have to be escaped, in the same way, and nothing else.
    fn text(&mut self, text: &str) -> Result<(), Flaw> {
        if text.contains('\0') {
            return Err(Flaw::Nul);
        }
        // A text is always JSON; if it were not, it could not be stored either.
        self.push(&serde_json::to_string(text).map_err(|_| Flaw::Surrogate)?)
    }
}

/// The fields of an object in their order, doubles included.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut Formatter<'_>) -> FormatResult {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

/// A JSON number without an exponent, as PostgreSQL's `numeric` prints it. None if a reader whose numbers are 64-bit floats
/// would take it for infinity or, wrongly, for zero.
fn written_out(number: &str) -> Option<String> {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let is_zero = digits.bytes().all(|digit| digit == b'0');
    let float: f64 = number.parse().ok()?;
    if digits.len() > MAX_BYTES || exponent.abs() > MAX_EXPONENT || !float.is_finite() || (float == 0.0) != is_zero {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let (before, after) = match usize::try_from(point) {
        Ok(point) if point >= digits.len() => (format!("{digits:0<point$}"), String::new()),
        Ok(point) => (digits[..point].to_owned(), digits[point..].to_owned()),
        Err(_) => (String::new(), "0".repeat(point.unsigned_abs() as usize) + &digits),
    };
    let before = before.trim_start_matches('0');
    let sign = if is_zero { "" } else { sign };
    let before = if before.is_empty() { "0" } else { before };
    let dot = if after.is_empty() { "" } else { "." };
    let written = format!("{sign}{before}{dot}{after}");
    // Our own reader finds the very largest floats too large.
    serde_json::from_str::<Number>(&written).is_ok().then_some(written)
}

/// `metadata` as it is stored, on its way to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownMetadata(Box<str>);

impl ShownMetadata {
    /// None where not every client could read it: an earlier version let in numbers that a float cannot hold.
    #[must_use]
    pub fn of(stored: String) -> Option<Self> {
        let is_good = serde_json::from_str::<Map<String, Value>>(&stored).is_ok();
        is_good.then(|| Self(stored.into()))
    }

    /// An empty object.
    #[must_use]
    pub fn none() -> Self {
        Self("{}".into())
    }
}

impl Serialize for ShownMetadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        json.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ShownMetadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::<RawValue>::deserialize(deserializer)?.get().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(json: &str) -> Result<String, String> {
        let raw: Box<RawValue> = serde_json::from_str(json).expect("JSON");
        Metadata::parse(raw.get()).map(|metadata| metadata.0).map_err(|fault| format!("metadata {fault}"))
    }

    #[test]
    fn a_number_is_written_out_as_postgresql_does_it() {
        for (sent, stored) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            ("1.50", "1.50"),
            ("1.50e1", "15.0"),
            ("1.5E+3", "1500"),
            ("-12.345e1", "-123.45"),
            ("0.5e1", "5"),
            ("1e-3", "0.001"),
            ("0.0e5", "0"),
            ("0e-3", "0.000"),
            ("1e22", "10000000000000000000000"),
            ("18446744073709551617", "18446744073709551617"),
            ("0.12345678901234567890123", "0.12345678901234567890123"),
        ] {
            assert_eq!(written_out(sent).as_deref(), Some(stored), "{sent}");
        }
        assert_eq!(written_out("1e300").map(|text| text.len()), Some(301));
        for bad in ["1.7976931348623157e308", "1e309", "-1e309", "1e-400", "1e99999999999", "1e2147483647"] {
            assert_eq!(written_out(bad), None, "{bad}");
        }
    }

    #[test]
    fn metadata_is_small_and_flat_enough() {
        assert_eq!(
            printed(r#"{"plan":"pro","tags":["a",{"b":[1e2]}], "\u00e9\u0001" : null}"#).as_deref(),
            Ok(r#"{"plan": "pro", "tags": ["a", {"b": [100]}], "é\u0001": null}"#)
        );
        assert_eq!(printed("{}").as_deref(), Ok("{}"));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_BYTES));
        let many = format!("{{\"a\":[{}]}}", vec!["1e300"; 28].join(","));
        for (bad, why) in [
            ("[]", "metadata is not an object"),
            ("7", "metadata is not an object"),
            (r#"{"a":{"b":{"c":{"d":{}}}}}"#, "metadata is nested deeper than 4 levels"),
            (r#"{"a":["\u0000"]}"#, "metadata holds a NUL character"),
            (r#"{"\u0000":1}"#, "metadata holds a NUL character"),
            (r#"{"a":"\ud800"}"#, "metadata holds half a surrogate pair"),
            (r#"{"\udc00":1}"#, "metadata holds half a surrogate pair"),
            (r#"{"a":{"b":1,"b":1}}"#, "metadata has the same name twice in one object"),
            (r#"{"a":1e999}"#, "metadata holds a number that a 64-bit float could not give back"),
            (&long, "metadata is longer than 8192 bytes, with its numbers written out"),
            (&many, "metadata is longer than 8192 bytes, with its numbers written out"),
        ] {
            assert_eq!(printed(bad), Err(why.to_owned()), "{bad:.50}");
        }
    }
}
