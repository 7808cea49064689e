//! The openings of sessions by their `client_id`: who sends one again, because the answer was lost, gets the session that it has.

use std::time::Duration;

use async_trait::async_trait;
use chat_events::{ChatId, ErrorCode, SiteId};
use diesel::prelude::{OptionalExtension, QueryDsl};
use diesel::sql_types::{BigInt, Double};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jobs::{Handler, Job, JobError, Next};
use serde::Deserialize;
use statement::statement;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, SchemaFormat};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::open::{NewSession, open};
use super::visitor::{self, Visitor};
use crate::db::schema::session_openings;
use crate::error::Error;
use crate::state::AppState;
use crate::tokens::{OpaqueSecret, OpeningSecrets};

/// In one go.
const AT_ONCE: i64 = 1000;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(3600);

/// For so long an opening may be sent again.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The name that a client gives to an opening. Who knows it can be given the secret of that session, so only a random one is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct OpeningId(pub(crate) Uuid);

impl TryFrom<String> for OpeningId {
    type Error = &'static str;

    /// With hyphens alone: other ways to write a UUID are not in the document.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let id = Uuid::try_parse(&text).ok().filter(|id| id.get_version_num() == 4 && text.len() == Hyphenated::LENGTH);
        id.map(Self).ok_or("is not a random UUID (version 4)")
    }
}

impl OpeningId {
    /// As the document shows it.
    pub(crate) fn schema() -> Schema {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
            .pattern(Some("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"))
            .description(Some(
                "A random UUID (version 4) for this opening. Sent again within a day, because the answer was lost, it opens no second \
                 session: the answer is `200` with the one that it has opened. Who knows it can get the secret, so keep it as secret.",
            ))
            .build()
            .into()
    }
}

/// A session that was opened before, and the secret that its visitor was given.
pub(crate) struct Opened {
    pub(crate) session: ChatId,
    pub(crate) secret: String,
    pub(crate) visitor: Visitor,
}

/// The session that this opening has made before, at this site. Its visitor is proved by one of these secrets.
pub(crate) async fn before(
    conn: &mut AsyncPgConnection,
    id: Option<OpeningId>,
    site: SiteId,
    secrets: &OpeningSecrets,
) -> Result<Option<Opened>, Error> {
    let Some(id) = id else { return Ok(None) };
    let found: Option<i64> =
        session_openings::table.find(id.0).select(session_openings::chat_id).first(conn).await.optional()?;
    let Some(session) = found.map(ChatId) else { return Ok(None) };
    for secret in secrets.all() {
        match visitor::proved(conn, session, secret).await {
            Ok(visitor) if visitor.site == site.0 => {
                return Ok(Some(Opened { session, secret: secret.clone(), visitor }));
            }
            Ok(_) => return Err(used()),
            Err(Error::Refused(body)) if body.code == ErrorCode::Unauthorized => {}
            Err(error) => return Err(error),
        }
    }
    // Another device has used it, or its key is gone.
    Err(used())
}

/// Opens a session, and tells whether it is new: the same request, sent twice, may have come in between.
pub(crate) async fn open_once(
    state: &AppState,
    new: NewSession,
    secret: &OpaqueSecret,
) -> Result<(ChatId, bool), Error> {
    let (id, site) = (new.opening, new.site);
    match open(state, new).await {
        Ok(session) => Ok((session, true)),
        Err(error) if error.is_violation_of("session_openings_pkey") => {
            let secrets = OpeningSecrets::only(secret.clone());
            let opened = before(&mut *state.connection().await?, id, site, &secrets).await?;
            let opened = opened.ok_or_else(Error::no_answer)?;
            opened.visitor.check_identity()?;
            Ok((opened.session, false))
        }
        Err(error) => Err(error),
    }
}

fn used() -> Error {
    Error::field(ErrorCode::Conflict, "client_id", "another session was opened with this client_id: take a new one")
}

statement! {
    ForgetOpenings { kept: f64 as Double, count: i64 as BigInt, } -> BigInt =
        "WITH forgotten AS (
            DELETE FROM session_openings WHERE client_id IN (
                SELECT client_id FROM session_openings WHERE opened_at < now() - make_interval(secs => $kept)
                ORDER BY opened_at LIMIT $count FOR UPDATE SKIP LOCKED)
            RETURNING client_id
        ) SELECT count(*) FROM forgotten";
}

/// Does it.
pub(crate) struct ForgetOldOpenings;

#[async_trait]
impl Handler for ForgetOldOpenings {
    fn kind(&self) -> &'static str {
        "sessions.forget_openings"
    }

    async fn run(&self, conn: &mut AsyncPgConnection, _: &Job) -> Result<Next, JobError> {
        let forget = ForgetOpenings { kept: KEPT.as_secs_f64(), count: AT_ONCE };
        let forgotten: i64 = forget.get_result(conn).await?;
        Ok(Next::Again(if forgotten == AT_ONCE { Duration::ZERO } else { EVERY }))
    }
}
