//! The table of links.

use std::time::Duration;

use chat_events::{Role, SiteId, UserId};
use chrono::{DateTime, Utc};
use diesel::PgExpressionMethods;
use diesel::dsl::now;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable};
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;

use crate::access::rules::{administers, administers_sites, has_no_admin, is_open_admin};
use crate::db::schema::account_links;
use crate::db::stored::Stored;
use crate::error::Error;
use crate::tokens::OpaqueSecret;
use statement::statement;

/// The purpose of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkKind {
    /// A new account.
    Join,
    /// Another password for an account.
    Password,
    /// The account of the first admin.
    First,
}

impl LinkKind {
    /// As stored, and in addresses.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Password => "password",
            Self::First => "first",
        }
    }
}

/// A link to be made.
pub(super) struct NewLink<'a> {
    pub(super) kind: LinkKind,
    /// Whose password.
    pub(super) user: Option<UserId>,
    /// Who is invited.
    pub(super) join: Option<Join<'a>>,
    /// None: the installation itself.
    pub(super) made_by: Option<UserId>,
    pub(super) lives: Duration,
}

/// The account of an invitation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Join<'a> {
    pub(super) email: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) role: Role,
    /// None for all.
    pub(super) sites: Option<&'a [SiteId]>,
}

/// A link that was made.
pub(super) struct MadeLink {
    pub(super) id: i64,
    pub(super) token: String,
    pub(super) expires_at: DateTime<Utc>,
}

/// Makes a link.
pub(super) async fn insert(conn: &mut AsyncPgConnection, new: &NewLink<'_>) -> Result<MadeLink, Error> {
    let secret = OpaqueSecret::generate();
    let expires_at = Utc::now() + new.lives;
    let sites: Option<Vec<i64>> = new.join.and_then(|join| join.sites).map(|sites| sites.iter().map(|s| s.0).collect());
    let id: i64 = diesel::insert_into(account_links::table)
        .values((
            account_links::kind.eq(new.kind.as_str()),
            account_links::token_hash.eq(&secret.hash),
            account_links::user_id.eq(new.user.map(|user| user.0)),
            account_links::email.eq(new.join.map(|join| join.email)),
            account_links::name.eq(new.join.and_then(|join| join.name)),
            account_links::role.eq(new.join.map(|join| join.role.as_str())),
            account_links::sites.eq(sites),
            account_links::made_by.eq(new.made_by.map(|admin| admin.0)),
            account_links::expires_at.eq(expires_at),
        ))
        .returning(account_links::id)
        .get_result(conn)
        .await?;
    Ok(MadeLink { id, token: secret.text, expires_at })
}

/// That the link `l` is good: unused, not too old, and its maker has the right to it still.
macro_rules! holds {
    () => {
        concat!(
            "(l.used_at IS NULL AND l.expires_at > now() AND CASE l.kind
                WHEN 'first' THEN ",
            has_no_admin!(),
            " WHEN 'password' THEN EXISTS (SELECT FROM users o WHERE o.id = l.user_id AND o.is_active) AND ",
            is_open_admin!("l.made_by"),
            " AND ",
            administers!("l.made_by", "l.user_id"),
            " ELSE ",
            is_open_admin!("l.made_by"),
            " AND coalesce(",
            administers_sites!("l.made_by", "l.sites"),
            ", false) END)"
        )
    };
}

statement! {
    /// The link of a token, if it is good.
    ReadLink<'a> { token_hash: &'a [u8] as Binary, } -> (
        BigInt, Text, Nullable<BigInt>, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Array<BigInt>>
    ) = concat!(
        "SELECT l.id, l.kind, l.user_id, coalesce(l.email, o.email), coalesce(l.name, o.name), l.role, l.sites
         FROM account_links l LEFT JOIN users o ON o.id = l.user_id WHERE l.token_hash = $token_hash AND ", holds!()
    );
}

/// A link that is good.
#[derive(Debug, Queryable)]
pub(super) struct Link {
    pub(super) id: i64,
    pub(super) kind: Stored<LinkKind>,
    /// Whose password.
    pub(super) user: Option<i64>,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    pub(super) role: Option<Stored<Role>>,
    pub(super) sites: Option<Vec<i64>>,
}

/// The link of a token; there is no telling a wrong one from a used and an old one.
pub(super) async fn find(conn: &mut AsyncPgConnection, token_hash: &[u8]) -> Result<Link, Error> {
    let link: Option<Link> = ReadLink { token_hash }.get_result(conn).await.optional()?;
    link.ok_or_else(|| Error::not_found("the link is not good, or not any more"))
}

/// The same, for the rest of the transaction: nobody else uses it meanwhile.
pub(super) async fn take(conn: &mut AsyncPgConnection, token_hash: &[u8]) -> Result<Link, Error> {
    let row = account_links::table.filter(account_links::token_hash.eq(token_hash));
    let _locked: Option<i64> = row.select(account_links::id).for_update().first(conn).await.optional()?;
    // Read after the lock: it may have been used while this waited.
    let link = find(conn, token_hash).await?;
    diesel::update(account_links::table.find(link.id)).set(account_links::used_at.eq(now)).execute(conn).await?;
    Ok(link)
}

/// Ends the links of that kind that were not used, of one user or of none.
pub(super) async fn forget(conn: &mut AsyncPgConnection, kind: LinkKind, user: Option<UserId>) -> Result<(), Error> {
    let unused =
        account_links::table.filter(account_links::kind.eq(kind.as_str())).filter(account_links::used_at.is_null());
    diesel::delete(unused.filter(account_links::user_id.is_not_distinct_from(user.map(|user| user.0))))
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes a link away that was not used. Whether it was there.
pub(super) async fn remove(conn: &mut AsyncPgConnection, id: i64) -> Result<bool, Error> {
    let row = account_links::table.find(id).filter(account_links::used_at.is_null());
    Ok(diesel::delete(row).execute(conn).await? > 0)
}

statement! {
    /// How many links wait that an admin made.
    CountMade { admin_id: i64 as BigInt, } -> BigInt =
        "SELECT count(*) FROM account_links l WHERE l.made_by = $admin_id AND l.used_at IS NULL AND l.expires_at > now()";
}

/// How many links of an admin wait to be used.
pub(super) async fn count_made_by(conn: &mut AsyncPgConnection, admin: UserId) -> Result<i64, Error> {
    Ok(CountMade { admin_id: admin.0 }.get_result(conn).await?)
}

pub(super) use holds;
