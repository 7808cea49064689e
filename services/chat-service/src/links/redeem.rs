//! A link is looked at, and used. A wrong token counts as a wrong password does, and waits for its turn as one does.

use chat_events::{Role, SiteId, UserId};
use diesel_async::{AsyncConnection, AsyncPgConnection};

use super::rows::{self, Link, LinkKind};
use crate::access::{has_no_admin, hold_admins};
use crate::accounts::browser::Browser;
use crate::accounts::password::Turn;
use crate::accounts::users::NewUser;
use crate::accounts::{self, Login, grants, refresh_tokens, users};
use crate::error::Error;
use crate::http::asker::Asker;
use crate::limits::Address;
use crate::limits::logins::Account;
use crate::state::AppState;
use crate::tokens;

/// What a link is for.
pub(super) struct Seen {
    pub(super) kind: LinkKind,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
}

/// Looks at a link, which is not used by that.
pub(super) async fn look(state: &AppState, token: &str, (from, asker): (Address, Asker)) -> Result<Seen, Error> {
    let attempt = state.logins.attempt(state.logins.account(token, None), (from, &asker)).await?;
    let mut conn = state.connection().await?;
    let Link { kind, email, name, .. } = rows::find(&mut conn, &tokens::hash(token)).await?;
    attempt.was_not_looked_at();
    Ok(Seen { kind: kind.0, email, name })
}

/// What somebody says who uses a link. Every field is checked.
pub(super) struct Use {
    pub(super) token: String,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) password: String,
}

/// Uses a link, and logs its account in.
pub(super) async fn redeem(
    state: &AppState,
    wanted: Use,
    (from, asker, browser): (Address, Asker, Browser),
) -> Result<Login, Error> {
    let attempt = state.logins.attempt(state.logins.account(&wanted.token, None), (from, &asker)).await?;
    let Use { token, name, email, password } = wanted;
    let hash = tokens::hash(&token);
    let mut conn = state.connection().await?;
    let link = rows::find(&mut conn, &hash).await?;
    check_fields(link.kind.0, email.as_deref())?;
    // Hashing takes long: the connection is for others meanwhile.
    drop(conn);
    let password_hash = match state.passwords.hash(password, (asker, Turn::Later)).await {
        Ok(hash) => hash,
        Err(error) => {
            attempt.was_not_looked_at();
            return Err(error);
        }
    };
    let own = state.clone();
    let work = async move {
        let mut conn = own.connection().await?;
        let done = conn.transaction(async |conn| {
            // Before any account is locked.
            hold_admins(conn).await?;
            let link = rows::take(conn, &hash).await?;
            let given = Given { name: name.as_deref(), email: email.as_deref(), password_hash: &password_hash };
            let user = apply(conn, link, given).await?;
            Ok::<_, Error>((user, accounts::begin_login(conn, &own, user, &browser).await?))
        });
        done.await
    };
    let (user, login) = state.writes.run(work).await?;
    attempt.was_not_looked_at();
    state.logins.is_used(Account::Known(user), from);
    Ok(login)
}

/// The address of an account is that of its invitation.
fn check_fields(kind: LinkKind, email: Option<&str>) -> Result<(), Error> {
    match (kind, email) {
        (LinkKind::First, None) => Err(Error::invalid("email", "email is needed")),
        (LinkKind::Join | LinkKind::Password, Some(_)) => {
            Err(Error::invalid("email", "email is of the first admin's link"))
        }
        _ => Ok(()),
    }
}

#[derive(Clone, Copy)]
struct Given<'a> {
    name: Option<&'a str>,
    email: Option<&'a str>,
    password_hash: &'a str,
}

/// Makes the account of a link, or gives it another password.
async fn apply(conn: &mut AsyncPgConnection, link: Link, given: Given<'_>) -> Result<UserId, Error> {
    let kind = link.kind.0;
    check_fields(kind, given.email)?;
    let name = given.name.or(link.name.as_deref());
    match kind {
        LinkKind::Password => {
            let user = UserId(link.user.ok_or_else(|| Error::Internal("a link is of no account".into()))?);
            users::set_password_hash(conn, user, given.password_hash).await?;
            refresh_tokens::end_all(conn, user).await?;
            if let Some(name) = given.name {
                users::rename(conn, user, name).await?;
            }
            Ok(user)
        }
        LinkKind::Join | LinkKind::First => {
            let name = name.ok_or_else(|| Error::invalid("name", "name is needed"))?;
            let email = given.email.or(link.email.as_deref()).unwrap_or_default();
            let role = match (kind, link.role) {
                (LinkKind::First, _) => Role::Admin,
                (_, role) => role.map_or_else(Role::default, |role| role.0),
            };
            if kind == LinkKind::First && !has_no_admin(conn).await? {
                return Err(Error::not_found("the link is not good, or not any more"));
            }
            let new = NewUser { email, name, role, password_hash: given.password_hash };
            let user = users::insert(conn, &new).await?;
            for site in link.sites.iter().flatten() {
                grants::add(conn, user, role, Some(SiteId(*site))).await?;
            }
            let _all = grants::follow_role(conn, user, (Role::User, role)).await?;
            Ok(user)
        }
    }
}
