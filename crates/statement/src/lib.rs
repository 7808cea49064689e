//! Fixed SQL texts with named parameters, prepared once for each connection.
//!
//! diesel never caches `sql_query`; a statement made here is cached by its type, so a call is one round trip.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;

/// Declares a statement: its parameters as fields, the SQL types of its columns, and its text, in which `$name`
/// stands for the parameter of that name.
#[macro_export]
macro_rules! statement {
    (
        $(#[$doc:meta])*
        $name:ident $(<$life:lifetime>)? { $($field:ident: $rust:ty as $sql:ty,)* } -> $row:ty = $text:expr;
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name $(<$life>)? {
            $(pub(crate) $field: $rust,)*
        }

        impl $(<$life>)? $name $(<$life>)? {
            /// As it is written, with the names of its parameters.
            #[allow(dead_code, reason = "few are asked for")]
            pub(crate) const TEXT: &'static str = $text;
        }

        const _: () = {
            /// The same for every lifetime.
            pub(crate) struct Id;

            impl $(<$life>)? diesel::query_builder::QueryId for $name $(<$life>)? {
                type QueryId = Id;
                const HAS_STATIC_QUERY_ID: bool = true;
            }
        };

        impl $(<$life>)? diesel::query_builder::Query for $name $(<$life>)? {
            type SqlType = $row;
        }

        impl $(<$life>)? diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name $(<$life>)? {
            #[allow(unused_variables, reason = "a statement may have no parameter")]
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                $crate::walk(Self::TEXT, &mut out, |name, out| match name {
                    $(stringify!($field) => out.push_bind_param::<$sql, _>(&self.$field),)*
                    other => unreachable!("the statement has no parameter {other}"),
                })
            }
        }
    };
}

/// A part of a statement's text.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    /// As it is.
    Sql(&'a str),
    /// A parameter by name.
    Bind(&'a str),
}

/// Writes a text with its parameters. A parameter is bound where it is named first; diesel numbers binds from 1 as
/// they come, so a later mention can repeat its number.
pub fn walk<'b>(
    text: &'static str,
    out: &mut AstPass<'_, 'b, Pg>,
    mut bind: impl FnMut(&str, &mut AstPass<'_, 'b, Pg>) -> QueryResult<()>,
) -> QueryResult<()> {
    let mut bound = Vec::with_capacity(16);
    for piece in pieces(text) {
        match piece {
            Piece::Sql(sql) => out.push_sql(sql),
            Piece::Bind(name) => match bound.iter().position(|known| *known == name) {
                Some(index) => out.push_sql(&format!("${}", index + 1)),
                None => {
                    bound.push(name);
                    bind(name, out)?;
                }
            },
        }
    }
    Ok(())
}

/// Splits a text at its `$name` parameters.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut parts = text.split('$');
    let head = parts.next().map(Piece::Sql);
    head.into_iter().chain(parts.flat_map(|part| {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
        [Piece::Bind(&part[..end]), Piece::Sql(&part[end..])]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_splits_at_its_parameters() {
        let found: Vec<_> = pieces("SELECT $a::bigint + $b_2").collect();
        let expected =
            [Piece::Sql("SELECT "), Piece::Bind("a"), Piece::Sql("::bigint + "), Piece::Bind("b_2"), Piece::Sql("")];
        assert_eq!(found, expected);
    }
}
