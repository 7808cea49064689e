//! Accounts of operators and users.

use channel_auth::Role;
use chat_events::UserId;
use chrono::{DateTime, Utc};
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable};
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::schema::users;
use super::stored::Stored;
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

/// The account of that address, with its password's hash.
pub(crate) async fn by_email(conn: &mut AsyncPgConnection, email: &str) -> Result<Option<(User, String)>, Error> {
    use diesel::SelectableHelper;
    let found = users::table
        .filter(lower(users::email).eq(lower(email)))
        .select((User::as_select(), users::password_hash))
        .first(conn)
        .await;
    Ok(found.optional()?)
}

/// An account that may be used; others are as good as none.
pub(crate) async fn active(conn: &mut AsyncPgConnection, id: UserId) -> Result<Option<User>, Error> {
    use diesel::SelectableHelper;
    let found = users::table.find(id.0).filter(users::is_active).select(User::as_select()).first(conn).await;
    Ok(found.optional()?)
}

/// Whether sessions may be given to this user.
pub(crate) async fn check_staff(conn: &mut AsyncPgConnection, id: UserId) -> Result<(), Error> {
    match active(conn, id).await? {
        Some(user) if user.role.0.is_staff() => Ok(()),
        _ => Err(Error::invalid("user_id", "there is no such operator")),
    }
}

/// Whether the caller is still an operator, whatever its token says.
pub(crate) async fn check_caller_is_staff(conn: &mut AsyncPgConnection, id: UserId) -> Result<(), Error> {
    match active(conn, id).await? {
        Some(user) if user.role.0.is_staff() => Ok(()),
        Some(_) => Err(Error::forbidden("this is for operators")),
        None => Err(Error::unauthorized("the account is not active")),
    }
}
