//! A session's visitor: who it is when it comes back, and what it says of itself.

use chat_events::{ChatId, ErrorCode, EventKind, Metadata, Seq, SessionStatus, SiteId};
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, Queryable};
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use serde::Serialize;
use statement::statement;

use super::ban::write_desk;
use super::change::session_json;
use crate::access::{Actor, Standing, Verb};
use crate::changes::{Activity, By, Change, Event, Raises};
use crate::contacts::identity::SignedIdentity;
use crate::contacts::link::contact_of;
use crate::db::schema::{chat_sessions, clients, sites};
use crate::error::Error;
use crate::state::AppState;
use crate::tokens;

/// How many sessions one device may have.
pub(crate) const MAX_SESSIONS: usize = 100;

/// A session's visitor.
#[derive(Debug, Queryable)]
pub(crate) struct Visitor {
    /// The client: its device.
    pub(super) client: i64,
    secret_hash: Vec<u8>,
    is_free: bool,
    /// The contact that it has proved to be.
    pub(super) contact: Option<i64>,
    pub(crate) site: i64,
    identity_required: bool,
}

/// The visitor of a session, proved by the secret that it was given. The answer is the same for a session that does not
/// exist: a caller without the secret learns nothing.
pub(crate) async fn proved(conn: &mut AsyncPgConnection, session: ChatId, secret: &str) -> Result<Visitor, Error> {
    let found: Option<Visitor> = chat_sessions::table
        .inner_join(clients::table)
        .inner_join(sites::table)
        .filter(chat_sessions::chat_id.eq(session.0))
        .select((
            clients::id,
            clients::secret_hash,
            clients::banned_at.is_null(),
            clients::contact_id,
            sites::id,
            sites::identity_required,
        ))
        .first(conn)
        .await
        .optional()?;
    let visitor = found.filter(|visitor| tokens::matches(secret, &visitor.secret_hash));
    let visitor = visitor.ok_or_else(|| Error::unauthorized("the visitor secret is not right"))?;
    if visitor.is_free { Ok(visitor) } else { Err(Error::forbidden("the client is banned")) }
}

impl Visitor {
    /// Whether its site lets it in as it is.
    pub(crate) fn check_identity(&self) -> Result<(), Error> {
        if self.identity_required && self.contact.is_none() { Err(Error::unproved()) } else { Ok(()) }
    }
}

/// The site of a session, unless its client is banned.
pub(super) async fn site_of(conn: &mut AsyncPgConnection, session: ChatId) -> Result<Option<SiteId>, Error> {
    let found: Option<i64> = chat_sessions::table
        .inner_join(clients::table)
        .filter(chat_sessions::chat_id.eq(session.0))
        .filter(clients::banned_at.is_null())
        .select(chat_sessions::site_id)
        .first(conn)
        .await
        .optional()?;
    Ok(found.map(SiteId))
}

/// Whether a session is closed: its visitor's next message opens it again.
pub(crate) async fn is_closed(conn: &mut AsyncPgConnection, session: ChatId) -> Result<bool, Error> {
    let status = chat_sessions::table.find(session.0).select(chat_sessions::status.eq(SessionStatus::Closed.as_str()));
    Ok(status.first(conn).await.optional()?.unwrap_or(false))
}

/// All sessions of the client of a session, that one first, whether or not there is such a one.
pub(super) async fn sessions_of_client(conn: &mut AsyncPgConnection, session: ChatId) -> Result<Vec<ChatId>, Error> {
    let client: Option<i64> =
        chat_sessions::table.find(session.0).select(chat_sessions::client_id).first(conn).await.optional()?;
    let Some(client) = client else { return Ok(vec![session]) };
    let others: Vec<i64> = chat_sessions::table
        .filter(chat_sessions::client_id.eq(client))
        .filter(chat_sessions::chat_id.ne(session.0))
        .select(chat_sessions::chat_id)
        .load(conn)
        .await?;
    Ok(std::iter::once(session).chain(others.into_iter().map(ChatId)).collect())
}

/// The name and address of a client, as its sessions show them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Queryable)]
pub(crate) struct Profile {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
}

impl Profile {
    /// With the parts of another one that are there.
    fn with(&self, new: Self) -> Self {
        Self { name: new.name.or_else(|| self.name.clone()), email: new.email.or_else(|| self.email.clone()) }
    }

    fn of(identity: &SignedIdentity) -> Self {
        Self { name: identity.name.clone(), email: identity.email.clone() }
    }
}

/// A change of a client, told in each of its sessions.
enum ClientChange {
    /// It says so itself.
    Profile(Profile),
    /// Its site says so.
    Identity(SiteId, SignedIdentity),
}

/// Gives the client of a session another name or address. Of one that its site has named they stay.
pub(super) async fn set_profile(
    state: &AppState,
    client: Actor,
    session: ChatId,
    profile: Profile,
) -> Result<(), Error> {
    change(state, session, By::Actor(client, Verb::Read), ClientChange::Profile(profile)).await
}

/// Replaces what the site knows about the client of a session.
pub(super) async fn set_metadata(
    state: &AppState,
    client: Actor,
    session: ChatId,
    metadata: &Metadata,
) -> Result<(), Error> {
    let mut conn = state.connection().await?;
    Standing::read(&mut conn, client, session, Verb::Read).await?.check(Verb::Read)?;
    WriteMetadata { session: session.0, metadata: metadata.as_str() }.execute(&mut *conn).await?;
    Ok(())
}

statement! {
    /// Writes it.
    WriteMetadata<'a> { session: i64 as BigInt, metadata: &'a str as Text, } -> BigInt =
        "UPDATE clients v SET metadata = $metadata::jsonb FROM chat_sessions s
         WHERE s.chat_id = $session AND v.id = s.client_id RETURNING v.id";
}

/// Has the client of a session prove who it is. A device of another person is a conflict.
pub(super) async fn identify(
    state: &AppState,
    session: ChatId,
    site: SiteId,
    identity: SignedIdentity,
) -> Result<(), Error> {
    change(state, session, By::System, ClientChange::Identity(site, identity)).await
}

async fn change(state: &AppState, session: ChatId, by: By, wanted: ClientChange) -> Result<(), Error> {
    let mut conn = state.connection().await?;
    let sessions = sessions_of_client(&mut conn, session).await?;
    drop(conn);
    let chats = sessions.clone();
    state.changes.change_all(chats, by, move |change| apply(change, sessions, wanted).boxed()).await
}

async fn apply(change: &mut Change<'_>, sessions: Vec<ChatId>, wanted: ClientChange) -> Result<(), Error> {
    let client = chat_sessions::table.find(sessions[0].0).select(chat_sessions::client_id);
    let client: i64 = client.first(change.conn()).await?;
    // Two requests about the same device come one after the other.
    let row = clients::table.find(client).select((clients::contact_id, (clients::name, clients::email)));
    let (contact, before): (Option<i64>, Profile) = row.for_update().first(change.conn()).await?;
    let (new_contact, said) = match wanted {
        ClientChange::Profile(_) if contact.is_some() => {
            return Err(Error::refused(ErrorCode::Conflict, "the site tells the name and address of this visitor"));
        }
        ClientChange::Profile(profile) => (None, profile),
        ClientChange::Identity(site, identity) => {
            let proved = contact_of(change.conn(), site, &identity).await?;
            if contact.is_some_and(|contact| contact != proved) {
                return Err(Error::field(ErrorCode::Conflict, "identity", "this device belongs to another person"));
            }
            (Some(proved), Profile::of(&identity))
        }
    };
    let after = before.with(said);
    let is_linked = contact.is_none() && new_contact.is_some();
    diesel::update(clients::table.find(client))
        .set((
            clients::contact_id.eq(new_contact.or(contact)),
            clients::name.eq(&after.name),
            clients::email.eq(&after.email),
        ))
        .execute(change.conn())
        .await?;
    for session in sessions {
        if after != before {
            tell_profile(change, session, &before, &after).await?;
        }
        if is_linked {
            tell_contact(change, session).await?;
        }
    }
    Ok(())
}

/// Its name stands in the state of each of its sessions.
async fn tell_profile(
    change: &mut Change<'_>,
    session: ChatId,
    before: &Profile,
    after: &Profile,
) -> Result<(), Error> {
    let activity = Activity::between("session.client_changed", before, after)?;
    let tell = async |conn: &mut AsyncPgConnection, seq: Seq| {
        let row = diesel::update(chat_sessions::table.find(session.0));
        row.set(chat_sessions::changed_seq.eq(seq.0)).execute(conn).await?;
        Ok(Event::public(EventKind::SessionStatus, session_json(conn, session).await?).with(activity))
    };
    change.step(session, Raises::State, tell).await
}

/// That it is proved is for operators.
async fn tell_contact(change: &mut Change<'_>, session: ChatId) -> Result<(), Error> {
    let tell = async |conn: &mut AsyncPgConnection, seq: Seq| {
        let data = write_desk(conn, session, seq).await?;
        Ok(Event::staff(EventKind::SessionDesk, data).with(Activity::new("session.client_identified")))
    };
    change.step(session, Raises::State, tell).await
}
