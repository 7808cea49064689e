//! Opening a session.

use chat_events::{ChatId, ChatKind, ErrorCode, EventKind, Metadata, SenderType, SiteId};
use diesel::prelude::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;

use super::json::session_json;
use super::openings::OpeningId;
use crate::changes::{Activity, Author, By, Change, Event, Raises};
use crate::contacts::identity::SignedIdentity;
use crate::contacts::link::contact_of;
use crate::error::Error;
use crate::state::AppState;
use statement::statement;
use uuid::Uuid;

/// A visitor who opens a session. Every field is checked.
#[derive(Debug, Clone)]
pub(crate) struct NewSession {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) page_url: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) metadata: Metadata,
    /// Its web site.
    pub(crate) site: SiteId,
    /// Whose device it is.
    pub(crate) device: Device,
    /// For a first answer that is lost.
    pub(crate) opening: Option<OpeningId>,
}

/// The device of a visitor who opens a session.
#[derive(Debug, Clone)]
pub(crate) enum Device {
    /// A new client with this secret, and the identity that it has proved.
    New {
        /// As stored.
        secret_hash: Vec<u8>,
        /// Signed by the site.
        identity: Option<SignedIdentity>,
    },
    /// A client that has a session from before.
    Known(i64),
}

statement! {
    /// A client, if it is new, its chat and its session; no row where the site is not open, and then it must not be
    /// committed.
    InsertSession<'a> {
        name: Option<&'a str> as Nullable<Text>,
        email: Option<&'a str> as Nullable<Text>,
        locale: Option<&'a str> as Nullable<Text>,
        metadata: &'a str as Text,
        secret_hash: &'a [u8] as Binary,
        contact: Option<i64> as Nullable<BigInt>,
        known: Option<i64> as Nullable<BigInt>,
        page_url: Option<&'a str> as Nullable<Text>,
        site: i64 as BigInt,
        opening: Option<Uuid> as Nullable<SqlUuid>,
    } -> (BigInt, BigInt, Nullable<Text>, Text) = concat!(
        "WITH n AS (
            INSERT INTO clients (name, email, locale, metadata, secret_hash, contact_id)
            SELECT $name, $email, $locale, $metadata::jsonb, $secret_hash, $contact WHERE $known IS NULL RETURNING *
        ), v AS (
            SELECT * FROM n UNION ALL SELECT * FROM clients WHERE id = $known
        ), c AS (
            INSERT INTO chats (kind) VALUES ('session') RETURNING *
        ), s AS (
            INSERT INTO chat_sessions (chat_id, client_id, page_url, site_id)
            SELECT c.id, v.id, $page_url, w.id FROM c, v, (
                SELECT id FROM sites WHERE archived_at IS NULL AND id = $site) w
            RETURNING *
        ), o AS (
            INSERT INTO session_openings (client_id, chat_id) SELECT $opening, c.id FROM c WHERE $opening IS NOT NULL
        ), a AS (
            SELECT NULL::bigint AS id, NULL::text AS name
        )
        SELECT c.id, v.id, v.name, ", session_json!(), "::text FROM c, s, v, a"
    );
}

/// The session, its client's id and name, and its JSON.
type Inserted = (i64, i64, Option<String>, String);

/// Opens a session for a client.
pub(crate) async fn open(state: &AppState, new: NewSession) -> Result<ChatId, Error> {
    let opened = state.changes.change_all(vec![], By::System, move |change| insert(change, new).boxed()).await?;
    state.metrics.sessions_opened.inc();
    Ok(opened)
}

async fn insert(change: &mut Change<'_>, new: NewSession) -> Result<ChatId, Error> {
    let (known, secret_hash, identity) = match new.device {
        Device::New { secret_hash, identity } => (None, secret_hash, identity),
        Device::Known(client) => (Some(client), Vec::new(), None),
    };
    let contact = match &identity {
        Some(identity) => Some(contact_of(change.conn(), new.site, identity).await?),
        None => None,
    };
    // What the site has signed wins over what its visitor says.
    let signed = identity.unwrap_or_default();
    let insert = InsertSession {
        name: signed.name.as_deref().or(new.name.as_deref()),
        email: signed.email.as_deref().or(new.email.as_deref()),
        locale: new.locale.as_deref(),
        metadata: new.metadata.as_str(),
        secret_hash: &secret_hash,
        contact,
        known,
        page_url: new.page_url.as_deref(),
        site: new.site.0,
        opening: new.opening.map(|id| id.0),
    };
    let inserted: Option<Inserted> = insert.get_result(change.conn()).await.optional()?;
    let (id, client, name, data) = inserted.ok_or_else(no_site)?;
    let session = ChatId(id);
    change.made(session, ChatKind::Session, Some(Author { kind: SenderType::Client, id: client, name }));
    let event = Event::public(EventKind::SessionCreated, data).with(Activity::new("session.opened"));
    change.step(session, Raises::State, async move |_, _| Ok(event)).await?;
    Ok(session)
}

/// A site that is not there, or takes no new sessions.
pub(super) fn no_site() -> Error {
    Error::field(ErrorCode::Conflict, "site", "there is no such site, or it is archived")
}
