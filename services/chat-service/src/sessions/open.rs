//! Opening a session.

use chat_events::{ChatId, ChatKind, ErrorCode, EventKind, Metadata, SenderType};
use chrono::{DateTime, Utc};
use diesel::prelude::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;

use super::json::session_json;
use crate::changes::{Activity, Author, By, Event, Raises};
use crate::error::Error;
use crate::state::AppState;
use statement::statement;

/// A visitor who opens a session. Every field is checked.
#[derive(Debug, Clone)]
pub(crate) struct NewSession {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) page_url: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) metadata: Metadata,
    /// The key of its web site; none for the default.
    pub(crate) site: Option<String>,
    pub(crate) secret_hash: Vec<u8>,
}

statement! {
    /// A client, its chat and its session; no row where there is no such site, and then it must not be committed.
    InsertSession<'a> {
        name: Option<&'a str> as Nullable<Text>,
        email: Option<&'a str> as Nullable<Text>,
        locale: Option<&'a str> as Nullable<Text>,
        metadata: &'a str as Text,
        secret_hash: &'a [u8] as Binary,
        page_url: Option<&'a str> as Nullable<Text>,
        site: Option<&'a str> as Nullable<Text>,
    } -> (BigInt, BigInt, Timestamptz, Text) = concat!(
        "WITH v AS (
            INSERT INTO clients (name, email, locale, metadata, secret_hash)
            VALUES ($name, $email, $locale, $metadata::jsonb, $secret_hash) RETURNING *
        ), c AS (
            INSERT INTO chats (kind) VALUES ('session') RETURNING *
        ), s AS (
            INSERT INTO chat_sessions (chat_id, client_id, page_url, site_id)
            SELECT c.id, v.id, $page_url, w.id FROM c, v, (
                SELECT id FROM sites WHERE archived_at IS NULL
                    AND CASE WHEN $site IS NULL THEN id = 1 ELSE key = $site END) w
            RETURNING *
        ), a AS (
            SELECT NULL::bigint AS id, NULL::text AS name
        )
        SELECT c.id, v.id, s.created_at, ", session_json!(), "::text FROM c, s, v, a"
    );
}

/// Opens a session for a new client.
pub(crate) async fn open(state: &AppState, new: NewSession) -> Result<(ChatId, DateTime<Utc>), Error> {
    let opened = state.changes.change_all(vec![], By::System, move |change| {
        async move {
            let insert = InsertSession {
                name: new.name.as_deref(),
                email: new.email.as_deref(),
                locale: new.locale.as_deref(),
                metadata: new.metadata.as_str(),
                secret_hash: &new.secret_hash,
                page_url: new.page_url.as_deref(),
                site: new.site.as_deref(),
            };
            let inserted: Option<(i64, i64, DateTime<Utc>, String)> =
                insert.get_result(change.conn()).await.optional()?;
            let no_site = || Error::field(ErrorCode::Conflict, "site", "there is no such site, or it is archived");
            let (id, client, created_at, data) = inserted.ok_or_else(no_site)?;
            let session = ChatId(id);
            let author = Author { kind: SenderType::Client, id: client, name: new.name };
            change.made(session, ChatKind::Session, Some(author));
            let event = Event::public(EventKind::SessionCreated, data).with(Activity::new("session.opened"));
            change.step(session, Raises::State, async move |_, _| Ok(event)).await?;
            Ok((session, created_at))
        }
        .boxed()
    });
    let opened = opened.await?;
    state.metrics.sessions_opened.inc();
    Ok(opened)
}
