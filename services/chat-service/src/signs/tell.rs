//! A visitor has given a sign of life.

use chat_events::sign::{Page, PageTitle, Typing};
use chat_events::signal::SignalData;
use chat_events::{ChatId, ChatKind, SenderType, Sign, Signal, SiteId, Visibility};
use chrono::Utc;
use diesel::prelude::{OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::access::{Actor, Standing, Verb};
use crate::db::schema::chat_sessions;
use crate::error::Error;
use crate::state::AppState;

/// Tells the operators of a session. Its client, who has no socket that could be passed over, needs no word of itself.
pub(super) async fn tell(state: &AppState, client: Actor, session: ChatId, sign: Sign) -> Result<(), Error> {
    let mut conn = state.connection().await?;
    let giver = Standing::read(&mut conn, client, session, Verb::SeeSession).await?;
    giver.check(Verb::SeeSession)?;
    let site = chat_sessions::table.find(session.0).select(chat_sessions::site_id);
    let site_id = site.first(&mut *conn).await.optional()?.map(SiteId);
    drop(conn);
    let (client_id, name) = (giver.self_id.unwrap_or_default(), giver.self_name);
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
    let signal = Signal { id, chat_id: session, chat_kind, site_id, visibility, origin: None, data };
    state.signals.send(signal);
    Ok(())
}
