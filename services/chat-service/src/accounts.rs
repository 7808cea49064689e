//! Accounts of operators and users: making them, logging in, staying logged in.
//!
//! - `routes`: over REST
//! - [`users`]: the stored account; [`grants`]: the sites of an operator; [`refresh_tokens`]: its logins
//! - [`browser`]: the browser that a login is used in
//! - [`password`]: the hashes of passwords, and how many at a time

pub(crate) mod browser;
pub(crate) mod grants;
pub(crate) mod old_logins;
pub(crate) mod password;
pub(crate) mod refresh_tokens;
pub(crate) mod routes;
pub(crate) mod users;

use std::collections::HashMap;

use channel_auth::Role;
use chat_events::UserId;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use uuid::Uuid;

use crate::access::{self, Actor};
use crate::error::Error;
use crate::http::asker::Asker;
use crate::input::fields::{EmailAddress, Name, NewPassword};
use crate::limits::Address;
use crate::limits::logins;
use crate::sites;
use crate::state::AppState;
use crate::tokens::{self, OpaqueSecret};
use browser::Browser;
use password::Turn;
use refresh_tokens::{LogoutScope, RotationOutcome, Successor};
use users::{LockedUser, NewUser, User};

/// The result of a login or a refresh.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) expires_in: i64,
}

/// Checks a password and begins a login. The answer is the same, and takes as long, whether the account is unknown,
/// deactivated or has another password; and as many passwords are looked at.
pub(crate) async fn log_in(
    state: &AppState,
    email: &str,
    password: String,
    who: (Address, Asker, Browser),
) -> Result<Login, Error> {
    let logged_in = try_to_log_in(state, email, password, who).await;
    state.metrics.login(&logged_in);
    logged_in
}

async fn try_to_log_in(
    state: &AppState,
    email: &str,
    password: String,
    (from, asker, browser): (Address, Asker, Browser),
) -> Result<Login, Error> {
    let mut conn = state.connection().await?;
    let (user, hash) = users::by_email(&mut conn, email).await?.unzip();
    // Hashing takes long: the connection is for others meanwhile.
    drop(conn);
    let account = state.logins.account(email, user.as_ref().map(|user| UserId(user.id)));
    let attempt = state.logins.attempt(account, (from, &asker)).await?;
    let turn = if attempt.is_known() { Turn::First } else { Turn::Later };
    let is_right = match state.passwords.verify(password, hash, (asker, turn)).await {
        Ok(is_right) => is_right,
        Err(error) => {
            attempt.was_not_looked_at();
            return Err(error);
        }
    };
    let Some(user) = user.filter(|user| is_right && user.is_active) else {
        return Err(Error::unauthorized("the address or the password is wrong"));
    };
    attempt.was_right();
    let user = UserId(user.id);
    let mut conn = state.connection().await?;
    conn.transaction(async |conn| begin_login(conn, state, user, &browser).await).await
}

/// The account may be closed, or logged out everywhere, while the password was being checked.
/// So it is looked at once more, in the caller's transaction.
pub(crate) async fn begin_login(
    conn: &mut AsyncPgConnection,
    state: &AppState,
    user: UserId,
    browser: &Browser,
) -> Result<Login, Error> {
    let (family, refresh) = (Uuid::new_v4(), OpaqueSecret::generate());
    let first = Successor { hash: &refresh.hash, expires_at: state.tokens.refresh_expiry(), browser };
    let locked = users::lock_active(conn, user).await?;
    refresh_tokens::begin(conn, family, user, first).await?;
    Ok(login(state, &locked, family, refresh.text))
}

/// Trades a refresh token for a new pair. A token that was used before ends its login, unless that was a moment ago.
pub(crate) async fn refresh(
    state: &AppState,
    refresh_token: &str,
    (from, browser): (Address, Browser),
) -> Result<Login, Error> {
    let next = OpaqueSecret::generate();
    let mut conn = state.connection().await?;
    let (expires_at, grace) = (state.tokens.refresh_expiry(), state.tokens.refresh_grace());
    let successor = Successor { hash: &next.hash, expires_at, browser: &browser };
    let outcome = refresh_tokens::rotate(&mut conn, &tokens::hash(refresh_token), successor, grace).await?;
    let RotationOutcome::Rotated { family, user } = outcome else {
        if let RotationOutcome::Reused { family } = outcome {
            tracing::warn!(%family, "a refresh token was used twice: its login is ended");
        }
        return Err(Error::unauthorized("the refresh token is not good"));
    };
    state.logins.is_used(logins::Account::Known(UserId(user.user.id)), from);
    Ok(login(state, &user, family, next.text))
}

fn login(state: &AppState, user: &LockedUser, family: Uuid, refresh_token: String) -> Login {
    let (access_token, expires_in) = state.tokens.access(user, family);
    Login { access_token, refresh_token, expires_in }
}

/// Ends the login of a refresh token, or all logins of its account.
pub(crate) async fn log_out(state: &AppState, refresh_token: &str, scope: LogoutScope) -> Result<(), Error> {
    let (own, hash) = (state.clone(), tokens::hash(refresh_token));
    let work = async move {
        let mut conn = own.connection().await?;
        refresh_tokens::log_out(&mut conn, &hash, scope).await
    };
    if state.writes.run(work).await? { Ok(()) } else { Err(Error::unauthorized("the refresh token is not good")) }
}

/// The account of the caller.
pub(crate) async fn own(state: &AppState, caller: Actor) -> Result<User, Error> {
    let mut conn = state.connection().await?;
    let user = access::acting(&mut conn, caller).await?;
    users::active(&mut conn, user).await?.ok_or_else(Error::not_active)
}

/// An account to be made.
#[derive(Debug)]
pub struct Account {
    /// Unique without regard to case.
    pub email: String,
    /// The name that others see.
    pub name: String,
    /// Its rights.
    pub role: Role,
    /// None: a random one is made.
    pub password: Option<String>,
    /// The keys of the sites in which an operator works; all sites, if it is empty.
    pub sites: Vec<String>,
}

/// An account that was made.
#[derive(Debug)]
pub struct NewAccount {
    /// Its id.
    pub id: UserId,
    /// Its password, where it was made here: shown once, only its hash is kept.
    pub password: Option<String>,
}

/// Makes an account.
pub(crate) async fn add(conn: &mut AsyncPgConnection, account: Account) -> Result<NewAccount, Error> {
    let email = EmailAddress::parse(account.email).map_err(|fault| Error::Refused(fault.of("email")))?.into_inner();
    let name = Name::parse(account.name).map_err(|fault| Error::Refused(fault.of("name")))?.into_inner();
    let (password_hash, generated) = hashed(account.password).await?;
    let new = NewUser { email: &email, name: &name, role: account.role, password_hash: &password_hash };
    if !account.role.is_staff() && !account.sites.is_empty() {
        return Err(Error::invalid("site", "operators and admins alone work in sites"));
    }
    let add = async |conn: &mut AsyncPgConnection| {
        let id = users::insert(conn, &new).await?;
        for key in &account.sites {
            let site = sites::by_key(conn, key).await?.id();
            grants::add(conn, id, account.role, Some(site)).await?;
        }
        grants::follow_role(conn, id, (Role::User, account.role)).await?;
        Ok::<_, Error>(id)
    };
    let id = conn.transaction(add).await?;
    Ok(NewAccount { id, password: generated })
}

/// The hash of a password; and the password, where none was given.
async fn hashed(given: Option<String>) -> Result<(String, Option<String>), Error> {
    let generated = given.is_none().then(password::random_password);
    let password = given.or_else(|| generated.clone()).unwrap_or_default();
    let password = NewPassword::parse(password).map_err(|fault| Error::Refused(fault.of("password")))?.into_inner();
    Ok((password::hash(password).await?, generated))
}

/// Gives an account another password, which ends all its logins. The password, where none was given.
pub(crate) async fn set_password(
    conn: &mut AsyncPgConnection,
    user: UserId,
    password: Option<String>,
) -> Result<Option<String>, Error> {
    let (password_hash, generated) = hashed(password).await?;
    conn.transaction(async |conn| {
        users::set_password_hash(conn, user, &password_hash).await?;
        refresh_tokens::end_all(conn, user).await
    })
    .await?;
    Ok(generated)
}

/// An account in a list.
#[derive(Debug)]
pub struct ListedAccount {
    /// Its id.
    pub id: i64,
    /// Its address.
    pub email: String,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Whether it is open.
    pub is_active: bool,
    /// The keys of the sites in which an operator works; `*` for all.
    pub sites: Vec<String>,
}

/// All accounts, the oldest first.
pub(crate) async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<ListedAccount>, Error> {
    let mut sites: HashMap<i64, Vec<String>> = HashMap::new();
    for (user, site) in grants::list(conn).await? {
        sites.entry(user).or_default().push(site.unwrap_or_else(|| "*".to_owned()));
    }
    let listed = |User { id, email, name, role, is_active, .. }| {
        let sites = sites.remove(&id).unwrap_or_default();
        ListedAccount { id, email, name, role: role.0, is_active, sites }
    };
    Ok(users::list(conn).await?.into_iter().map(listed).collect())
}

/// Gives an account another role, and the grants that go with it. Whether it works in all sites by that.
pub(crate) async fn set_role(conn: &mut AsyncPgConnection, user: UserId, role: Role) -> Result<bool, Error> {
    conn.transaction(async |conn| {
        let old = users::set_role(conn, user, role).await?;
        grants::follow_role(conn, user, (old, role)).await
    })
    .await
}

/// Closes an account, which ends all its logins, or opens it again.
pub(crate) async fn set_active(conn: &mut AsyncPgConnection, user: UserId, is_active: bool) -> Result<(), Error> {
    conn.transaction(async |conn| {
        users::set_active(conn, user, is_active).await?;
        if !is_active {
            refresh_tokens::end_all(conn, user).await?;
        }
        Ok(())
    })
    .await
}

/// The address of the demo operator.
pub const DEMO_EMAIL: &str = "demo@example.com";

/// Makes the demo operator, an admin, if there is none yet. Its password is returned at that one time.
pub async fn ensure_demo_operator(state: &AppState) -> Result<Option<String>, Error> {
    let account = Account {
        email: DEMO_EMAIL.into(),
        name: "Demo operator".into(),
        role: Role::Admin,
        password: None,
        sites: Vec::new(),
    };
    let mut conn = state.connection().await?;
    if users::by_email(&mut conn, DEMO_EMAIL).await?.is_some() {
        return Ok(None);
    }
    match add(&mut conn, account).await.map(|made| made.password) {
        // Another instance was quicker.
        Err(error) if error.is_violation_of("users_email_unique") => Ok(None),
        made => made,
    }
}
