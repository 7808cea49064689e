//! Banning the client of a session, and letting it in again.

use chat_events::{ChatId, EventKind, Seq};
use chrono::Utc;
use diesel::prelude::{ExpressionMethods, QueryDsl};
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;

use super::json::desk_json;
use super::visitor::sessions_of_client;
use crate::access::{Actor, Standing, Verb};
use crate::changes::{Activity, By, Change, Event, Raises};
use crate::db::schema::{chat_sessions, clients};
use crate::error::Error;
use crate::state::AppState;
use statement::statement;

/// Refuses or admits the client of a session, in all its sessions; operators are told in each.
pub(super) async fn set_banned(
    state: &AppState,
    operator: Actor,
    session: ChatId,
    is_banned: bool,
) -> Result<(), Error> {
    let mut conn = state.connection().await?;
    // Before anything is read of it; the right is held while the change is made.
    Standing::read(&mut conn, operator, session, Verb::Desk).await?.check(Verb::Desk)?;
    let sessions = sessions_of_client(&mut conn, session).await?;
    drop(conn);
    let chats = sessions.clone();
    let by = By::Actor(operator, Verb::Desk);
    state.changes.change_all(chats, by, move |change| apply(change, sessions, is_banned).boxed()).await
}

async fn apply(change: &mut Change<'_>, sessions: Vec<ChatId>, is_banned: bool) -> Result<(), Error> {
    let client = chat_sessions::table.find(sessions[0].0).select(chat_sessions::client_id);
    let client: i64 = client.first(change.conn()).await?;
    let row = diesel::update(clients::table.find(client)).filter(clients::banned_at.is_null().eq(is_banned));
    // A second ban leaves the time of the first.
    if row.set(clients::banned_at.eq(is_banned.then(Utc::now))).execute(change.conn()).await? == 0 {
        return Ok(());
    }
    let kind = if is_banned { "session.client_banned" } else { "session.client_admitted" };
    for session in sessions {
        let tell = async |conn: &mut AsyncPgConnection, seq: Seq| {
            let data = write_desk(conn, session, seq).await?;
            Ok(Event::staff(EventKind::SessionDesk, data).with(Activity::new(kind)))
        };
        // A send that was checked before looks again.
        change.step(session, Raises::State, tell).await?;
    }
    Ok(())
}

statement! {
    /// `chat_events::SessionDesk` as JSON, at a seq that the locked chat has just taken.
    WriteDesk {
        chat_id: i64 as BigInt,
        seq: i64 as BigInt,
    } -> Text = concat!(
        "UPDATE chat_sessions s SET desk_seq = $seq FROM clients v WHERE s.chat_id = $chat_id AND v.id = s.client_id
         RETURNING ", desk_json!(), "::text"
    );
}

/// The desk of a session as JSON, at a seq that the locked chat has just taken.
pub(super) async fn write_desk(conn: &mut AsyncPgConnection, session: ChatId, seq: Seq) -> Result<String, Error> {
    Ok(WriteDesk { chat_id: session.0, seq: seq.0 }.get_result(conn).await?)
}
