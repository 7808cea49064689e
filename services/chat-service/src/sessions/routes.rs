//! `/chat/session…`: support sessions.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use chat_events::gateway_api::Principal;
use chat_events::{ChatId, SessionStatus, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ban;
use super::change::{self, SessionChange};
use super::list::{self, AssigneeFilter, SessionFilter};
use super::open::{self, NewSession};
use super::view::{self, SessionView};
use super::visitor::visitor;
use crate::error::Error;
use crate::http::api_error::ApiError;
use crate::http::body::{Body, name, nullable_id, present_nullable_id};
use crate::http::caller::{Caller, CameFrom, VisitorSecret};
use crate::http::params::SessionPath;
use crate::http::schemas;
use crate::input::check;
use crate::input::metadata::Metadata;
use crate::state::AppState;
use crate::tokens::{self, OpaqueSecret};

/// A visitor who opens a session. Everything may be left out.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Ada", "email": "ada@example.com", "page_url": "https://example.com/pricing",
                          "locale": "en-GB", "metadata": {"plan": "pro"}}))]
pub(crate) struct OpenSession {
    /// The name to show: something must show. Kept as one line, without controls of direction.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00]*[^\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff][^\x00]*$"
    )]
    name: Option<String>,
    /// Where to answer when the visitor is gone.
    #[schema(
        max_length = 254,
        pattern = r"^[^@\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff]+@[^@\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff]+$"
    )]
    email: Option<String>,
    /// The page where the chat began.
    #[schema(
        max_length = 2000,
        pattern = r"^https?://[^\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff]+$"
    )]
    page_url: Option<String>,
    /// BCP 47, as the browser says.
    #[schema(min_length = 1, max_length = 35, pattern = "^[A-Za-z0-9_-]+$")]
    locale: Option<String>,
    /// What the site knows about its visitor.
    #[schema(schema_with = schemas::metadata)]
    metadata: Option<Box<RawValue>>,
}

/// A new session. The secret and the tokens are for the visitor's browser alone.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OpenedSession {
    session_id: ChatId,
    /// Opens this session, over REST and on a socket, until `expires_at`.
    token: String,
    expires_at: DateTime<Utc>,
    /// A signed link to listen by (Server-Sent Events).
    stream_url: String,
    /// Gets new tokens. Shown this once.
    visitor_secret: String,
    created_at: DateTime<Utc>,
}

/// A new token for a session.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ChannelToken {
    /// Opens this session, over REST and on a socket, until `expires_at`.
    token: String,
    expires_at: DateTime<Utc>,
    /// A signed link to listen by (Server-Sent Events).
    stream_url: String,
}

/// Opens a support session.
#[utoipa::path(post, path = "/chat/session", tag = "sessions", request_body = OpenSession,
    responses((status = 201, description = "The session is open", body = OpenedSession)))]
pub(crate) async fn open(
    state: Data<AppState>,
    CameFrom(from): CameFrom,
    body: Body<OpenSession>,
) -> Result<HttpResponse, ApiError> {
    let secret = OpaqueSecret::generate();
    let new = body.into_inner().0.check(secret.hash)?;
    state.limits.open_session(from)?;
    let (session_id, created_at) = open::open(&state, new).await?;
    let channel = state.tokens.channel(session_id);
    Ok(HttpResponse::Created().json(OpenedSession {
        session_id,
        token: channel.token,
        expires_at: channel.expires_at,
        stream_url: channel.stream_url,
        visitor_secret: secret.text,
        created_at,
    }))
}

impl OpenSession {
    pub(crate) fn check(self, secret_hash: Vec<u8>) -> Result<NewSession, Error> {
        Ok(NewSession {
            name: self.name.map(|name| check::name("name", name)).transpose()?,
            email: self.email.map(|email| check::email("email", email)).transpose()?,
            page_url: self.page_url.map(|url| check::url("page_url", url)).transpose()?,
            locale: self.locale.map(|locale| check::locale("locale", locale)).transpose()?,
            metadata: Metadata::parse("metadata", self.metadata.as_deref())?,
            secret_hash,
        })
    }
}

/// A new token for a visitor who comes back.
#[utoipa::path(get, path = "/chat/session/{id}/channel-token", tag = "sessions", params(SessionPath),
    security(("visitor_secret" = [])),
    responses((status = 200, description = "A new token", body = ChannelToken)))]
pub(crate) async fn channel_token(
    state: Data<AppState>,
    id: Path<ChatId>,
    secret: VisitorSecret,
) -> Result<Json<ChannelToken>, ApiError> {
    let mut conn = state.connection().await?;
    let visitor = visitor(&mut conn, *id).await?;
    // The same answer for a session that does not exist: who has no secret learns nothing.
    let visitor = visitor.filter(|(hash, _)| tokens::matches(&secret.0, hash));
    let (_, is_banned) = visitor.ok_or_else(|| Error::unauthorized("the visitor secret is not right"))?;
    if is_banned {
        return Err(Error::forbidden("the client is banned").into());
    }
    let channel = state.tokens.channel(*id);
    Ok(Json(ChannelToken { token: channel.token, expires_at: channel.expires_at, stream_url: channel.stream_url }))
}

/// A session: status, assignee, client, unread counts, last message, `seq`.
#[utoipa::path(get, path = "/chat/session/{id}", tag = "sessions", params(SessionPath),
    security(("session_token" = []), ("access_token" = [])),
    responses((status = 200, description = "The session as the caller sees it", body = SessionView)))]
pub(crate) async fn show(
    state: Data<AppState>,
    id: Path<ChatId>,
    caller: Caller,
) -> Result<Json<SessionView>, ApiError> {
    view_for(&state, *id, caller).await
}

async fn view_for(state: &AppState, session: ChatId, caller: Caller) -> Result<Json<SessionView>, ApiError> {
    let actor = caller.in_session(session)?;
    let mut conn = state.connection().await?;
    Ok(Json(view::view(&mut conn, &state.bad_rows, actor, session).await?))
}

/// Who is to have the session.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"user_id": 1}))]
pub(crate) struct Assign {
    /// An operator, or null for nobody. It must be there: nobody is unassigned by forgetting it.
    #[serde(deserialize_with = "nullable_id")]
    #[schema(required = true, schema_with = schemas::nullable_id)]
    user_id: Option<i64>,
    /// Who has the session as far as the caller knows, null for nobody. If somebody else has it by now, the answer is
    /// `conflict` with who that is in `details.assignee`. Left out: whoever has it.
    #[serde(default, deserialize_with = "present_nullable_id")]
    #[schema(schema_with = schemas::nullable_expected_id)]
    if_assignee: Option<Option<i64>>,
}

/// Gives a session to an operator, or to nobody. Who takes one that nobody has says so with `if_assignee`: of two who do
/// at once only one gets it.
#[utoipa::path(post, path = "/chat/session/{id}/assign", tag = "sessions", params(SessionPath),
    request_body = Assign, security(("access_token" = [])),
    responses((status = 200, description = "The session as it is now", body = SessionView)))]
pub(crate) async fn assign(
    state: Data<AppState>,
    id: Path<ChatId>,
    caller: Caller,
    body: Body<Assign>,
) -> Result<Json<SessionView>, ApiError> {
    let Assign { user_id, if_assignee } = body.into_inner().0;
    let expected = if_assignee.map(|assignee| assignee.map(UserId));
    change_for(&state, *id, caller, SessionChange::Assignee { to: user_id.map(UserId), expected }).await
}

/// Where the session is to stand.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "pending"}))]
pub(crate) struct SetStatus {
    #[serde(deserialize_with = "name")]
    status: SessionStatus,
}

/// Opens, parks or closes a session. A client's message opens a closed one again.
#[utoipa::path(post, path = "/chat/session/{id}/status", tag = "sessions", params(SessionPath),
    request_body = SetStatus, security(("access_token" = [])),
    responses((status = 200, description = "The session as it is now", body = SessionView)))]
pub(crate) async fn set_status(
    state: Data<AppState>,
    id: Path<ChatId>,
    caller: Caller,
    body: Body<SetStatus>,
) -> Result<Json<SessionView>, ApiError> {
    change_for(&state, *id, caller, SessionChange::Status(body.0.0.status)).await
}

async fn change_for(
    state: &AppState,
    session: ChatId,
    caller: Caller,
    wanted: SessionChange,
) -> Result<Json<SessionView>, ApiError> {
    let operator = caller.staff()?;
    change::change(state, operator, session, wanted).await?;
    view_for(state, session, caller).await
}

/// Bans the client of a session: from now on its tokens are refused everywhere, it gets no new ones, and its sockets are
/// closed within seconds.
#[utoipa::path(post, path = "/chat/session/{id}/ban", tag = "sessions", params(SessionPath),
    security(("access_token" = [])),
    responses((status = 200, description = "The session as it is now", body = SessionView)))]
pub(crate) async fn ban(
    state: Data<AppState>,
    id: Path<ChatId>,
    caller: Caller,
) -> Result<Json<SessionView>, ApiError> {
    set_banned(&state, *id, caller, true).await
}

/// Lets a banned client in again.
#[utoipa::path(post, path = "/chat/session/{id}/unban", tag = "sessions", params(SessionPath),
    security(("access_token" = [])),
    responses((status = 200, description = "The session as it is now", body = SessionView)))]
pub(crate) async fn unban(
    state: Data<AppState>,
    id: Path<ChatId>,
    caller: Caller,
) -> Result<Json<SessionView>, ApiError> {
    set_banned(&state, *id, caller, false).await
}

async fn set_banned(
    state: &AppState,
    session: ChatId,
    caller: Caller,
    is_banned: bool,
) -> Result<Json<SessionView>, ApiError> {
    ban::set_banned(state, caller.staff()?, session, is_banned).await?;
    view_for(state, session, caller).await
}

/// Which sessions, and how many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionsQuery {
    /// Only those that stand so.
    status: Option<SessionStatus>,
    /// `me`, `none`, or an operator's id.
    #[param(pattern = "^(me|none|[1-9][0-9]{0,17})$")]
    assignee: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    #[param(minimum = 1, maximum = 9223372036854775807_i64)]
    cursor: Option<i64>,
}

/// A page of sessions, the newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Sessions {
    sessions: Vec<SessionView>,
    /// For the next page; null at the end.
    next_cursor: Option<ChatId>,
}

/// Sessions, the newest first.
#[utoipa::path(get, path = "/chat/sessions", operation_id = "list_sessions", tag = "sessions", params(SessionsQuery),
    security(("access_token" = [])),
    responses((status = 200, description = "One page", body = Sessions)))]
pub(crate) async fn list(
    state: Data<AppState>,
    caller: Caller,
    query: Query<SessionsQuery>,
) -> Result<Json<Sessions>, ApiError> {
    let operator = caller.staff()?;
    let filter = query.filter(operator.principal)?;
    let mut conn = state.connection().await?;
    let (sessions, next_cursor) = list::list(&mut conn, &state.bad_rows, operator, &filter).await?;
    Ok(Json(Sessions { sessions, next_cursor }))
}

impl SessionsQuery {
    pub(crate) fn filter(&self, caller: Principal) -> Result<SessionFilter, Error> {
        let assignee = match self.assignee.as_deref() {
            None => None,
            Some("me") => match caller {
                Principal::Staff { user_id } | Principal::User { user_id } => Some(AssigneeFilter::User(user_id)),
                Principal::Client { .. } => return Err(Error::forbidden("this is for operators")),
            },
            Some("none") => Some(AssigneeFilter::Nobody),
            Some(id) => {
                let user = check::id(id).map(UserId);
                let user = user.ok_or_else(|| Error::invalid("assignee", "assignee is me, none or an id"))?;
                Some(AssigneeFilter::User(user))
            }
        };
        let before = check::cursor("cursor", self.cursor)?.map(ChatId);
        Ok(SessionFilter { status: self.status, assignee, before, limit: check::limit(self.limit)? })
    }
}
