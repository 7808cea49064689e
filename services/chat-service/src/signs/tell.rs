//! Somebody has given a sign of life.

use chat_events::gateway_api::Principal;
use chat_events::sign::{Page, PageTitle, Typing, Viewing};
use chat_events::signal::SignalData;
use chat_events::{ChatId, ChatKind, Sign, Signal, SiteId, UserId, Visibility};
use chrono::Utc;
use diesel::prelude::{OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::access::{Actor, Standing, Verb, sender_type};
use crate::db::schema::chat_sessions;
use crate::error::Error;
use crate::state::AppState;

/// Tells those in a session who may hear of it. The giver has no socket that could be passed over: a client is not told of itself, and
/// an operator knows its own id.
pub(super) async fn tell(state: &AppState, actor: Actor, session: ChatId, sign: Sign) -> Result<(), Error> {
    let visibility = readers_of(actor.principal, &sign)?;
    let mut conn = state.connection().await?;
    let giver = Standing::read(&mut conn, actor, session, Verb::SeeSession).await?;
    giver.check(Verb::SeeSession)?;
    let site = chat_sessions::table.find(session.0).select(chat_sessions::site_id);
    let site_id = site.first(&mut *conn).await.optional()?.map(SiteId);
    drop(conn);
    let (own_id, name) = (giver.self_id.unwrap_or_default(), giver.self_name);
    let data = match sign {
        Sign::Typing(Typing { is_typing, visibility: said }) => SignalData::Typing {
            sender_type: sender_type(actor.principal),
            sender_id: own_id,
            sender_name: name,
            is_typing,
            visibility: said.unwrap_or(Visibility::Public),
        },
        Sign::Page(Page { url, title }) => {
            let (url, title) = (url.into_inner(), title.and_then(PageTitle::into_inner));
            SignalData::Page { client_id: own_id, url, title, at: Utc::now() }
        }
        Sign::Viewing(Viewing { is_viewing }) => SignalData::Viewing { user_id: UserId(own_id), name, is_viewing },
    };
    let (id, chat_kind) = (Uuid::new_v4(), ChatKind::Session);
    let signal = Signal { id, chat_id: session, chat_kind, site_id, visibility, origin: None, data };
    state.signals.send(signal);
    Ok(())
}

/// The readers who may hear of a sign, if its giver may give it.
fn readers_of(giver: Principal, sign: &Sign) -> Result<Visibility, Error> {
    match (sign, giver) {
        (Sign::Typing(Typing { visibility: Some(Visibility::Staff), .. }), Principal::Client { .. }) => {
            Err(Error::forbidden("only operators write notes"))
        }
        // A client is not told that it types itself.
        (Sign::Typing(_), Principal::Client { .. }) => Ok(Visibility::Staff),
        (Sign::Typing(Typing { visibility, .. }), _) => Ok(visibility.unwrap_or(Visibility::Public)),
        (Sign::Page(_), Principal::Client { .. }) | (Sign::Viewing(_), Principal::Staff { .. }) => {
            Ok(Visibility::Staff)
        }
        (Sign::Page(_), _) => Err(Error::forbidden("pages are told by the client of the session")),
        (Sign::Viewing(_), _) => Err(Error::forbidden("operators alone say which session they look at")),
    }
}
