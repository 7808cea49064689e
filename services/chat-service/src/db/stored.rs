//! Wire enums as PostgreSQL stores them: text, under the same names as in JSON.

use diesel::deserialize::{FromSql, FromSqlRow, Result};
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::Text;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;

/// A value that is stored as text under its name in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromSqlRow)]
pub(crate) struct Stored<T>(pub(crate) T);

impl<T: for<'de> Deserialize<'de>> FromSql<Text, Pg> for Stored<T> {
    fn from_sql(bytes: PgValue<'_>) -> Result<Self> {
        let text = std::str::from_utf8(bytes.as_bytes())?;
        let name: serde::de::value::StrDeserializer<'_, Error> = text.into_deserializer();
        Ok(Self(T::deserialize(name)?))
    }
}

/// A value that this build may not be able to read, such as a time beyond the calendar or the name of a later version: then
/// it is none, and its row fails alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromSqlRow)]
pub(crate) struct Readable<T>(pub(crate) Option<T>);

impl<SqlType, T: FromSql<SqlType, Pg>> FromSql<SqlType, Pg> for Readable<T> {
    fn from_sql(bytes: PgValue<'_>) -> Result<Self> {
        Ok(Self(T::from_sql(bytes).ok()))
    }
}
