//! `/chat/session…`: support sessions.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use chat_events::gateway_api::Principal;
use chat_events::{ChatId, ErrorCode, Fault, Metadata, SessionStatus, UserId, text};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use super::ban;
use super::change::{self, SessionChange};
use super::counts::{self, SessionCounts};
use super::earlier;
use super::list::{self, AssigneeFilter, Needle, Order, Place, SessionFilter};
use super::open::{self, Device, NewSession};
use super::openings::{self, Opened, OpeningId};
use super::view::{self, SessionView};
use super::visitor::{self, Profile, Visitor};
use crate::access::Actor;
use crate::contacts::identity::{SignedIdentity, verify};
use crate::error::Error;
use crate::http::api_error::ApiError;
use crate::http::body::{Body, Params};
use crate::http::caller::{Caller, CameFrom, InChat};
use crate::http::params::SessionPath;
use crate::http::schemas;
use crate::http::table::{Route, route};
use crate::input::fields::{
    EmailAddress, Id, IdentityToken, Locale, Name, PageLimit, PageUrl, SearchText, Secret, SiteKey, present, required,
    rows as rows_of,
};
use crate::sites::rows::{self, Site};
use crate::sites::shown::check_page;
use crate::state::AppState;
use crate::tokens::{OpaqueSecret, OpeningSecrets};

/// Where sessions are served.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route::<__path_open, _, _>(open),
        route::<__path_show, _, _>(show),
        route::<__path_assign, _, _>(assign),
        route::<__path_set_status, _, _>(set_status),
        route::<__path_ban, _, _>(ban),
        route::<__path_unban, _, _>(unban),
        route::<__path_earlier, _, _>(earlier),
        route::<__path_list, _, _>(list),
        route::<__path_count, _, _>(count),
    ]
}

/// A visitor who opens a session. Everything may be left out.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"name": "Ada", "email": "ada@example.com", "page_url": "https://example.com/pricing",
                          "locale": "en-GB", "metadata": {"plan": "pro"}}))]
pub(crate) struct OpenSession {
    /// The name to show: something must show. Kept as one line, without controls of direction.
    #[schema(inline)]
    name: Option<Name>,
    /// Where to answer when the visitor is gone.
    #[schema(inline)]
    email: Option<EmailAddress>,
    /// The page where the chat began.
    #[schema(inline)]
    page_url: Option<PageUrl>,
    /// BCP 47, as the browser says.
    #[schema(inline)]
    locale: Option<Locale>,
    /// What the site knows about its visitor.
    #[schema(schema_with = schemas::metadata)]
    metadata: Option<Metadata>,
    /// The key of the web site. Without it, the session is of the default site.
    #[schema(inline)]
    site: Option<SiteKey>,
    /// Who the visitor is, signed by the site: a JWT with HS256 and the claims `identifier`, `exp`, and if known `name` and
    /// `email`, which win over those of this body. A visitor who has proved the same identity on two devices sees its
    /// sessions on both.
    #[schema(inline)]
    identity: Option<IdentityToken>,
    /// A session from before: the new one is of the same device.
    device: Option<DeviceProof>,
    #[schema(schema_with = OpeningId::schema)]
    client_id: Option<OpeningId>,
}

/// A session of the same device, and the secret that its visitor was given.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct DeviceProof {
    #[schema(inline)]
    session_id: Id,
    #[schema(inline)]
    visitor_secret: Secret,
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
    /// When the token was made, by the clock of the server.
    created_at: DateTime<Utc>,
}

/// Opens a support session.
#[utoipa::path(post, path = "/chat/session", tag = "sessions", request_body = OpenSession,
    responses((status = 201, description = "The session is open", body = OpenedSession),
              (status = 200, description = "This `client_id` has opened it before", body = OpenedSession),
              (status = 401, description = "The identity is not good, or not any more; or the secret of the device is not right", body = chat_events::ErrorEnvelope),
              (status = 403, description = "The site does not allow the page (`details.origin`), or wants a signed identity (`details.identity`)", body = chat_events::ErrorEnvelope)))]
pub(crate) async fn open(
    state: Data<AppState>,
    request: HttpRequest,
    CameFrom(from): CameFrom,
    body: Body<OpenSession>,
) -> Result<HttpResponse, ApiError> {
    let OpenSession { name, email, page_url, locale, metadata, site, identity, device, client_id: opening } = body.0;
    state.limits.open_session(from)?;
    let mut conn = state.connection().await?;
    let site = rows::asked_for(&mut conn, site).await?.filter(Site::is_open).ok_or_else(open::no_site)?;
    check_page(&state, &request, site.id())?;
    let identity = match identity {
        Some(token) => Some(verify(&mut conn, site.id(), token).await?),
        None => None,
    };
    let proof = device.map(|DeviceProof { session_id, visitor_secret }| (ChatId(session_id.get()), visitor_secret));
    let secrets = match (&proof, opening) {
        (Some((_, secret)), _) => OpeningSecrets::only(secret.clone().into_inner().into()),
        (None, Some(opening)) => state.tokens.secrets_of_opening(opening.0),
        (None, None) => OpeningSecrets::only(OpaqueSecret::generate()),
    };
    if let Some(Opened { session, secret, visitor }) = openings::before(&mut conn, opening, site.id(), &secrets).await?
    {
        drop(conn);
        match identity {
            Some(identity) => visitor::identify(&state, session, site.id(), identity).await?,
            None => visitor.check_identity()?,
        }
        return Ok(HttpResponse::Ok().json(opened_session(&state, session, secret)));
    }
    let secret = secrets.now;
    let given = Profile { name: name.map(Name::into_inner), email: email.map(EmailAddress::into_inner) };
    let device = match proof {
        Some((session, _)) => {
            let visitor = visitor::proved(&mut conn, session, &secret.text).await?;
            drop(conn);
            known_device(&state, (session, visitor), &site, identity, given.clone()).await?
        }
        None if identity.is_none() && site.identity_required => return Err(Error::unproved().into()),
        None => {
            drop(conn);
            Device::New { secret_hash: secret.hash.clone(), identity }
        }
    };
    let new = NewSession {
        name: given.name,
        email: given.email,
        page_url: page_url.map(PageUrl::into_inner),
        locale: locale.map(Locale::into_inner),
        metadata: metadata.unwrap_or_default(),
        site: site.id(),
        device,
        opening,
    };
    let (opened, is_new) = openings::open_once(&state, new, &secret).await?;
    let mut answer = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer.json(opened_session(&state, opened, secret.text)))
}

fn opened_session(state: &AppState, session_id: ChatId, visitor_secret: String) -> OpenedSession {
    let channel = state.tokens.channel(session_id);
    OpenedSession {
        session_id,
        token: channel.token,
        expires_at: channel.expires_at,
        stream_url: channel.stream_url,
        visitor_secret,
        created_at: channel.created_at,
    }
}

/// A device that has a session, with what is new of its person.
async fn known_device(
    state: &AppState,
    (session, visitor): (ChatId, Visitor),
    site: &Site,
    identity: Option<SignedIdentity>,
    given: Profile,
) -> Result<Device, Error> {
    let conflict = |words: &str| Err(Error::field(ErrorCode::Conflict, "device", words));
    if visitor.site != site.id {
        return conflict("the device is of another site");
    }
    if visitor::sessions_of_client(&mut *state.connection().await?, session).await?.len() >= visitor::MAX_SESSIONS {
        return conflict("the device has too many sessions: open one without it");
    }
    match identity {
        Some(identity) => visitor::identify(state, session, site.id(), identity).await?,
        None => {
            visitor.check_identity()?;
            if visitor.contact.is_none() && given != Profile::default() {
                let client = Actor::from(Principal::Client { session_id: session });
                visitor::set_profile(state, client, session, given).await?;
            }
        }
    }
    Ok(Device::Known(visitor.client))
}

/// A session: status, assignee, client, unread counts, last message, `seq`.
#[utoipa::path(get, path = "/chat/session/{id}", tag = "sessions", params(SessionPath),
    security(("session_token" = []), ("access_token" = [])),
    responses((status = 200, description = "The session as the caller sees it", body = SessionView)))]
pub(crate) async fn show(state: Data<AppState>, session: InChat) -> Result<Json<SessionView>, ApiError> {
    view_for(&state, session.chat, session.actor).await
}

async fn view_for(state: &AppState, session: ChatId, actor: Actor) -> Result<Json<SessionView>, ApiError> {
    let mut conn = state.connection().await?;
    Ok(Json(view::view(&mut conn, &state.bad_rows, actor, session).await?))
}

/// The operator who is to have the session.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"user_id": 1}))]
pub(crate) struct Assign {
    /// An operator, or null for nobody. It must be there: nobody is unassigned by forgetting it.
    #[serde(deserialize_with = "required")]
    #[schema(required = true, schema_with = schemas::nullable_id)]
    user_id: Option<Id>,
    /// The operator who has the session as far as the caller knows, null for nobody. If somebody else has it by now,
    /// the answer is `conflict` with who that is in `details.assignee`. Left out: no matter who has it.
    #[serde(default, deserialize_with = "present")]
    #[schema(schema_with = schemas::nullable_expected_id)]
    if_assignee: Option<Option<Id>>,
}

/// Gives a session to an operator, or to nobody. An operator who takes one that nobody has says so with `if_assignee`:
/// of two who do at once only one gets it.
#[utoipa::path(post, path = "/chat/session/{id}/assign", tag = "sessions", params(SessionPath),
    request_body = Assign, security(("access_token" = [])),
    responses((status = 200, description = "The session as it is now", body = SessionView)))]
pub(crate) async fn assign(
    state: Data<AppState>,
    session: InChat,
    Body(Assign { user_id, if_assignee }): Body<Assign>,
) -> Result<Json<SessionView>, ApiError> {
    let user = |id: Id| UserId(id.get());
    let expected = if_assignee.map(|assignee| assignee.map(user));
    change_for(&state, session, SessionChange::Assignee { to: user_id.map(user), expected }).await
}

/// Where the session is to stand.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"status": "pending"}))]
pub(crate) struct SetStatus {
    #[serde(deserialize_with = "text::name")]
    status: SessionStatus,
}

/// Opens, parks or closes a session. A client's message opens a closed one again.
#[utoipa::path(post, path = "/chat/session/{id}/status", tag = "sessions", params(SessionPath),
    request_body = SetStatus, security(("access_token" = [])),
    responses((status = 200, description = "The session as it is now", body = SessionView)))]
pub(crate) async fn set_status(
    state: Data<AppState>,
    session: InChat,
    body: Body<SetStatus>,
) -> Result<Json<SessionView>, ApiError> {
    change_for(&state, session, SessionChange::Status(body.0.status)).await
}

async fn change_for(state: &AppState, session: InChat, wanted: SessionChange) -> Result<Json<SessionView>, ApiError> {
    change::change(state, session.actor, session.chat, wanted).await?;
    view_for(state, session.chat, session.actor).await
}

/// Bans the client of a session: from now on its tokens are refused everywhere, it gets no new ones, and its sockets are
/// closed within seconds.
#[utoipa::path(post, path = "/chat/session/{id}/ban", tag = "sessions", params(SessionPath),
    security(("access_token" = [])),
    responses((status = 200, description = "The session as it is now", body = SessionView)))]
pub(crate) async fn ban(state: Data<AppState>, session: InChat) -> Result<Json<SessionView>, ApiError> {
    set_banned(&state, session, true).await
}

/// Lets a banned client in again.
#[utoipa::path(post, path = "/chat/session/{id}/unban", tag = "sessions", params(SessionPath),
    security(("access_token" = [])),
    responses((status = 200, description = "The session as it is now", body = SessionView)))]
pub(crate) async fn unban(state: Data<AppState>, session: InChat) -> Result<Json<SessionView>, ApiError> {
    set_banned(&state, session, false).await
}

async fn set_banned(state: &AppState, session: InChat, is_banned: bool) -> Result<Json<SessionView>, ApiError> {
    ban::set_banned(state, session.actor, session.chat, is_banned).await?;
    view_for(state, session.chat, session.actor).await
}

/// Which sessions, and how many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionsQuery {
    /// Only those that stand so: one or several, separated by commas.
    #[param(inline)]
    status: Option<Statuses>,
    /// `me`, `none`, or an operator's id.
    #[param(inline)]
    assignee: Option<Assignee>,
    /// The key of a site.
    #[param(inline)]
    site: Option<SiteKey>,
    /// A part of the name or the address of the visitor or its contact, in any case; without three letters or digits in a row it is
    /// looked for where a word begins. Or the number of a session.
    #[param(inline)]
    q: Option<SearchText>,
    /// The order.
    #[param(inline)]
    #[serde(default)]
    sort: SessionSort,
    /// How many at most.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// `next_cursor` of the page before, of the same order.
    #[param(inline)]
    cursor: Option<SessionCursor>,
}

/// A page of sessions, in the order that was asked for.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Sessions {
    sessions: Vec<SessionView>,
    /// For the next page; null at the end.
    next_cursor: Option<String>,
}

/// Sessions. A walk through the pages shows none twice: what has moved up meanwhile is told by the stream.
#[utoipa::path(get, path = "/chat/sessions", operation_id = "list_sessions", tag = "sessions", params(SessionsQuery),
    security(("access_token" = [])),
    responses((status = 200, description = "One page", body = Sessions)))]
pub(crate) async fn list(
    state: Data<AppState>,
    caller: Caller,
    Params(query): Params<SessionsQuery>,
) -> Result<Json<Sessions>, ApiError> {
    let operator = caller.staff()?;
    let filter = query.filter(operator.principal)?;
    let mut conn = state.connection().await?;
    let (sessions, next) = list::list(&mut conn, &state.bad_rows, operator, &filter).await?;
    Ok(Json(Sessions { sessions, next_cursor: next.map(|next| next.to_string()) }))
}

/// How many sessions there are of a kind, for an operator.
#[utoipa::path(get, path = "/chat/sessions/counts", operation_id = "count_sessions", tag = "sessions",
    security(("access_token" = [])),
    responses((status = 200, description = "Each is counted up to 10,000", body = SessionCounts)))]
pub(crate) async fn count(state: Data<AppState>, caller: Caller) -> Result<Json<SessionCounts>, ApiError> {
    let operator = caller.staff()?;
    let mut conn = state.connection().await?;
    Ok(Json(counts::count(&mut conn, operator).await?))
}

/// Which of them, and how many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EarlierQuery {
    /// How many at most.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// `next_cursor` of the page before.
    #[param(inline)]
    cursor: Option<SessionCursor>,
}

/// The other sessions of a visitor: of the same device or, where it is proved, of the same contact at that site; the newest
/// first. For operators.
#[utoipa::path(get, path = "/chat/session/{id}/earlier", operation_id = "list_earlier_sessions", tag = "sessions",
    params(SessionPath, EarlierQuery), security(("access_token" = [])),
    responses((status = 200, description = "One page", body = Sessions)))]
pub(crate) async fn earlier(
    state: Data<AppState>,
    session: InChat,
    Params(EarlierQuery { limit, cursor }): Params<EarlierQuery>,
) -> Result<Json<Sessions>, ApiError> {
    let before = match cursor.map(|SessionCursor(place)| place) {
        None => None,
        Some(Place::Newest(chat)) => Some(chat),
        Some(_) => return Err(foreign_cursor().into()),
    };
    let mut conn = state.connection().await?;
    let page = (before, rows_of(limit));
    let (sessions, next) = earlier::list(&mut conn, &state.bad_rows, session.actor, session.chat, page).await?;
    Ok(Json(Sessions { sessions, next_cursor: next.map(|next| next.to_string()) }))
}

fn foreign_cursor() -> Error {
    Error::invalid("cursor", "cursor is of a list in another order")
}

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionSort {
    /// The newest first.
    #[default]
    Newest,
    /// The last change first.
    Recent,
    /// The longest waiting first; behind those that wait, the last change first.
    Waiting,
}

/// Several statuses.
#[derive(Debug, Clone)]
struct Statuses(Vec<SessionStatus>);

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = [SessionStatus::Open, SessionStatus::Pending, SessionStatus::Closed];
        let text = String::deserialize(deserializer)?;
        let mut statuses = Vec::new();
        for name in text.split(',') {
            let status = all.into_iter().find(|status| status.as_str() == name);
            let status =
                status.ok_or_else(|| Fault::new("is open, pending or closed, or several of them").into_serde())?;
            if !statuses.contains(&status) {
                statuses.push(status);
            }
        }
        Ok(Self(statuses))
    }
}

impl utoipa::PartialSchema for Statuses {
    fn schema() -> RefOr<Schema> {
        let pattern = "^(open|pending|closed)(,(open|pending|closed))*$";
        RefOr::T(ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build().into())
    }
}

impl utoipa::ToSchema for Statuses {}

/// The end of a page.
#[derive(Debug, Clone, Copy)]
struct SessionCursor(Place);

impl<'de> Deserialize<'de> for SessionCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let place = String::deserialize(deserializer)?.parse();
        place.map(Self).map_err(|_| Fault::new("is not the end of a page").into_serde())
    }
}

impl utoipa::PartialSchema for SessionCursor {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::String).max_length(Some(Place::MAX_LENGTH));
        let pattern = "^([0-9]{1,18}|r[0-9]{1,18}[.][0-9]{1,18}|[wa]([0-9]{1,18}[.]){2}[0-9]{1,18})$";
        RefOr::T(schema.pattern(Some(pattern)).build().into())
    }
}

impl utoipa::ToSchema for SessionCursor {}

/// The assignee that is asked for.
#[derive(Debug, Clone, Copy)]
enum Assignee {
    Me,
    Nobody,
    User(Id),
}

impl<'de> Deserialize<'de> for Assignee {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "me" => Ok(Self::Me),
            "none" => Ok(Self::Nobody),
            id => Id::parse(id).map(Self::User).ok_or_else(|| Fault::new("is me, none or an id").into_serde()),
        }
    }
}

impl utoipa::PartialSchema for Assignee {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^(me|none|[1-9][0-9]{0,17})$"));
        RefOr::T(schema.build().into())
    }
}

impl utoipa::ToSchema for Assignee {}

impl SessionsQuery {
    pub(crate) fn filter(&self, caller: Principal) -> Result<SessionFilter, Error> {
        let assignee = match (self.assignee, caller) {
            (None, _) => None,
            (Some(Assignee::Me), Principal::Staff { user_id } | Principal::User { user_id }) => {
                Some(AssigneeFilter::User(user_id))
            }
            (Some(Assignee::Me), Principal::Client { .. }) => return Err(Error::forbidden("this is for operators")),
            (Some(Assignee::Nobody), _) => Some(AssigneeFilter::Nobody),
            (Some(Assignee::User(id)), _) => Some(AssigneeFilter::User(UserId(id.get()))),
        };
        let order = match self.sort {
            SessionSort::Newest => Order::Newest,
            SessionSort::Recent => Order::Recent,
            SessionSort::Waiting => Order::Waiting,
        };
        let behind = self.cursor.map(|SessionCursor(place)| place);
        if behind.is_some_and(|place| place.order() != order) {
            return Err(foreign_cursor());
        }
        let needle = match &self.q {
            None => None,
            Some(text) => Some(Needle::of(text.as_str()).ok_or_else(|| Error::invalid("q", "q is empty"))?),
        };
        Ok(SessionFilter {
            statuses: self.status.clone().map(|Statuses(statuses)| statuses).unwrap_or_default(),
            assignee,
            site: self.site.clone().map(SiteKey::into_inner),
            needle,
            order,
            behind,
            limit: rows_of(self.limit),
        })
    }
}
