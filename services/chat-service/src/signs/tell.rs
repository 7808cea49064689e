//! A visitor has given a sign of life.

use chat_events::sign::{Page, PageTitle, Typing};
use chat_events::signal::SignalData;
use chat_events::{ChatId, ChatKind, SenderType, Sign, Signal, SiteId, Visibility};
use chrono::Utc;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::db::schema::{chat_sessions, clients};
use crate::error::Error;
use crate::state::AppState;

/// The client of a session, and the session's site.
struct Giver {
    id: i64,
    name: Option<String>,
    site_id: SiteId,
}

/// Tells the operators of a session. Its client, who has no socket that could be passed over, needs no word of itself.
pub(super) async fn tell(state: &AppState, session: ChatId, sign: Sign) -> Result<(), Error> {
    let Giver { id: client_id, name, site_id } = giver(state, session).await?;
    let data = match sign {
        Sign::Typing(Typing { visibility: Some(Visibility::Staff), .. }) => {
            return Err(Error::forbidden("only operators write notes"));
        }
        Sign::Typing(Typing { is_typing, visibility: _ }) => SignalData::Typing {
            sender_type: SenderType::Client,
            sender_id: client_id,
            sender_name: name,
            is_typing,
            visibility: Visibility::Public,
        },
        Sign::Page(Page { url, title }) => {
            let (url, title) = (url.into_inner(), title.and_then(PageTitle::into_inner));
            SignalData::Page { client_id, url, title, at: Utc::now() }
        }
    };
    let (id, chat_kind, visibility) = (Uuid::new_v4(), ChatKind::Session, Visibility::Staff);
    let signal = Signal { id, chat_id: session, chat_kind, site_id: Some(site_id), visibility, origin: None, data };
    state.signals.send(signal);
    Ok(())
}

async fn giver(state: &AppState, session: ChatId) -> Result<Giver, Error> {
    let mut conn = state.connection().await?;
    let found: Option<(i64, Option<String>, i64, bool)> = chat_sessions::table
        .inner_join(clients::table)
        .filter(chat_sessions::chat_id.eq(session.0))
        .select((clients::id, clients::name, chat_sessions::site_id, clients::banned_at.is_not_null()))
        .first(&mut conn)
        .await
        .optional()?;
    match found {
        None => Err(Error::not_found("there is no such session")),
        Some((.., true)) => Err(Error::forbidden("the client is banned")),
        Some((id, name, site, false)) => Ok(Giver { id, name, site_id: SiteId(site) }),
    }
}
