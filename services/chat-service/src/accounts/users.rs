//! Accounts of operators and users.

use channel_auth::Role;
use chat_events::{Person, UserId};
use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::schema::users;
use crate::db::stored::Stored;
use crate::error::Error;

diesel::define_sql_function! {
    /// Addresses are unique without regard to case.
    fn lower(text: Text) -> Text;
}

/// An account.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: Stored<Role>,
    pub(crate) is_active: bool,
    pub(crate) created_at: DateTime<Utc>,
}

/// A new account. Every field is checked.
#[derive(Debug)]
pub(crate) struct NewUser<'a> {
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
    pub(crate) role: Role,
    pub(crate) password_hash: &'a str,
}

/// Makes an account; a taken address is a conflict.
pub(crate) async fn insert(conn: &mut AsyncPgConnection, new: &NewUser<'_>) -> Result<UserId, Error> {
    let id: i64 = diesel::insert_into(users::table)
        .values((
            users::email.eq(new.email),
            users::name.eq(new.name),
            users::role.eq(new.role.as_str()),
            users::password_hash.eq(new.password_hash),
        ))
        .returning(users::id)
        .get_result(conn)
        .await?;
    Ok(UserId(id))
}

/// All accounts, the oldest first.
pub(super) async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<User>, Error> {
    Ok(users::table.order(users::id).select(User::as_select()).load(conn).await?)
}

/// The account of that address, with its password's hash.
pub(crate) async fn by_email(conn: &mut AsyncPgConnection, email: &str) -> Result<Option<(User, String)>, Error> {
    let found = users::table
        .filter(lower(users::email).eq(lower(email)))
        .select((User::as_select(), users::password_hash))
        .first(conn)
        .await;
    Ok(found.optional()?)
}

/// The hash of the password of an account that may be used.
pub(crate) async fn password_hash(conn: &mut AsyncPgConnection, id: UserId) -> Result<String, Error> {
    let found = users::table.find(id.0).filter(users::is_active).select(users::password_hash);
    found.first(conn).await.optional()?.ok_or_else(Error::not_active)
}

/// As others see an account.
pub(crate) async fn person(conn: &mut AsyncPgConnection, id: UserId) -> Result<Person, Error> {
    let name = users::table.find(id.0).select(users::name).first(conn).await?;
    Ok(Person { id, name })
}

/// An account that may be used; others are as good as none.
pub(crate) async fn active(conn: &mut AsyncPgConnection, id: UserId) -> Result<Option<User>, Error> {
    let found = users::table.find(id.0).filter(users::is_active).select(User::as_select()).first(conn).await;
    Ok(found.optional()?)
}

/// An account, whether it may be used or not.
pub(crate) async fn find(conn: &mut AsyncPgConnection, id: UserId) -> Result<Option<User>, Error> {
    let found = users::table.find(id.0).select(User::as_select()).first(conn).await;
    Ok(found.optional()?)
}

/// An account whose logins nobody else begins, prolongs or ends until the transaction is over.
#[derive(Debug)]
pub(crate) struct LockedUser {
    pub(crate) user: User,
    /// The `iat` of access tokens that are made now: PostgreSQL's time, by which logouts are dated too, and never
    /// before the last logout, which is dated to the second that follows it.
    pub(crate) issued_at: i64,
}

/// Locks an account, whether it may be used or not.
pub(crate) async fn lock(conn: &mut AsyncPgConnection, id: UserId) -> Result<(), Error> {
    let _locked: Option<i64> =
        users::table.find(id.0).select(users::id).for_no_key_update().first(conn).await.optional()?;
    Ok(())
}

/// Locks an account that may be used.
pub(crate) async fn lock_active(conn: &mut AsyncPgConnection, id: UserId) -> Result<LockedUser, Error> {
    let now = sql::<BigInt>("greatest(floor(extract(epoch FROM clock_timestamp()))::bigint, tokens_from)");
    let locked = users::table.find(id.0).select((User::as_select(), now)).for_no_key_update();
    let found: Option<(User, i64)> = locked.first(conn).await.optional()?;
    let locked = found.map(|(user, issued_at)| LockedUser { user, issued_at });
    locked.filter(|locked| locked.user.is_active).ok_or_else(Error::not_active)
}

/// Makes all access tokens of a user worthless that were issued until now, those of this second included.
pub(crate) async fn end_tokens(conn: &mut AsyncPgConnection, id: UserId) -> Result<(), Error> {
    let next = sql::<BigInt>("greatest(floor(extract(epoch FROM clock_timestamp()))::bigint, tokens_from) + 1");
    diesel::update(users::table.find(id.0)).set(users::tokens_from.eq(next)).execute(conn).await?;
    Ok(())
}

/// Opens or closes an account.
pub(crate) async fn set_active(conn: &mut AsyncPgConnection, id: UserId, is_active: bool) -> Result<(), Error> {
    diesel::update(users::table.find(id.0)).set(users::is_active.eq(is_active)).execute(conn).await?;
    Ok(())
}

/// Gives an account another password.
pub(crate) async fn set_password_hash(conn: &mut AsyncPgConnection, id: UserId, hash: &str) -> Result<(), Error> {
    diesel::update(users::table.find(id.0)).set(users::password_hash.eq(hash)).execute(conn).await?;
    Ok(())
}

/// Gives an account another name.
pub(crate) async fn rename(conn: &mut AsyncPgConnection, id: UserId, name: &str) -> Result<(), Error> {
    diesel::update(users::table.find(id.0)).set(users::name.eq(name)).execute(conn).await?;
    Ok(())
}

/// Gives an account another role.
pub(crate) async fn set_role(conn: &mut AsyncPgConnection, id: UserId, role: Role) -> Result<Role, Error> {
    let old: String = users::table.find(id.0).select(users::role).for_update().first(conn).await?;
    let row = diesel::update(users::table.find(id.0)).filter(users::role.ne(role.as_str()));
    row.set(users::role.eq(role.as_str())).execute(conn).await?;
    Ok(Role::parse(&old).unwrap_or_default())
}
