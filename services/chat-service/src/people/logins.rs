//! The logins of an account: its owner, and the admins who administer it, see and end them. What is ended is refused everywhere
//! within seconds, and its sockets are closed.

use chat_events::{UserId, time};
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use serde::Serialize;
use uuid::Uuid;

use crate::access::{self, Actor, ActorColumns, acting_admin, check_administers};
use crate::accounts::refresh_tokens::{self, AliveLogin};
use crate::error::Error;

/// More than anybody has.
const AT_MOST: i64 = 100;

/// A login.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LoginView {
    id: Uuid,
    /// When it began.
    #[serde(serialize_with = "time::micros")]
    created_at: DateTime<Utc>,
    /// When its tokens were renewed last.
    #[serde(serialize_with = "time::micros")]
    used_at: DateTime<Utc>,
    /// As the browser calls itself, cut to 200 characters.
    #[schema(max_length = 200)]
    user_agent: Option<String>,
    /// The network that it was renewed from: a /24 of IPv4, a /48 of IPv6.
    address_hint: Option<String>,
    /// Whether it is the login of this request.
    is_current: bool,
}

/// Whose logins are meant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    /// The caller's.
    Own,
    /// An account's that the caller administers.
    Of(UserId),
}

impl Whose {
    /// The account, if the caller may.
    async fn account(self, conn: &mut AsyncPgConnection, caller: Actor) -> Result<UserId, Error> {
        match self {
            Self::Own => access::acting(conn, caller).await,
            Self::Of(user) => {
                let (admin, _) = acting_admin(conn, caller).await?;
                check_administers(conn, admin, user).await?;
                Ok(user)
            }
        }
    }
}

/// The logins, those that were used last first.
pub(super) async fn list(conn: &mut AsyncPgConnection, caller: Actor, whose: Whose) -> Result<Vec<LoginView>, Error> {
    let user = whose.account(conn, caller).await?;
    let current = ActorColumns::of(Some(caller)).login;
    let logins = refresh_tokens::list(conn, user, AT_MOST).await?;
    let view = |AliveLogin { family, began_at, used_at, user_agent, address_hint }: AliveLogin| LoginView {
        id: family,
        created_at: began_at,
        used_at,
        user_agent,
        address_hint,
        is_current: current == Some(family),
    };
    Ok(logins.into_iter().map(view).collect())
}

/// Ends one login.
pub(super) async fn end(conn: &mut AsyncPgConnection, caller: Actor, whose: Whose, login: Uuid) -> Result<(), Error> {
    let user = whose.account(conn, caller).await?;
    if refresh_tokens::end_one(conn, user, login).await? {
        Ok(())
    } else {
        Err(Error::not_found("there is no such login"))
    }
}

/// Ends all logins of an account.
pub(super) async fn end_all(conn: &mut AsyncPgConnection, caller: Actor, user: UserId) -> Result<(), Error> {
    let user = Whose::Of(user).account(conn, caller).await?;
    refresh_tokens::end_all(conn, user).await
}
