//! `/chat/session/{id}/…` for the visitor of a session: new tokens, its other sessions, who it is.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use chat_events::gateway_api::Principal;
use chat_events::{ChatId, Metadata, SiteId};
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use serde::{Deserialize, Serialize};

use super::own::{self, Owner};
use super::view::SessionView;
use super::visitor::{self, Profile};
use crate::contacts::identity::verify;
use crate::contacts::link;
use crate::error::Error;
use crate::http::api_error::ApiError;
use crate::http::body::{Body, Params};
use crate::http::caller::{InChat, VisitorSecret};
use crate::http::params::{SessionPath, SiteKeyPath};
use crate::http::schemas;
use crate::http::table::{Route, route};
use crate::input::fields::{EmailAddress, Id, IdParam, IdentityToken, Name, PageLimit, SiteKey, rows as rows_of};
use crate::sites::rows::{self, Site};
use crate::sites::shown::check_page;
use crate::state::AppState;

/// Where a visitor asks, once it has a session.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route::<__path_channel_token, _, _>(channel_token),
        route::<__path_own, _, _>(own),
        route::<__path_of_person, _, _>(of_person),
        route::<__path_identify, _, _>(identify),
        route::<__path_change_client, _, _>(change_client),
    ]
}

/// A new token for a session.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ChannelToken {
    /// Opens this session, over REST and on a socket, until `expires_at`.
    token: String,
    expires_at: DateTime<Utc>,
    /// A signed link to listen by (Server-Sent Events).
    stream_url: String,
    /// When the token was made, by the clock of the server: how long it is good can be told without a clock that is right.
    created_at: DateTime<Utc>,
}

/// Renews the token of a session. Authorize with the visitor secret that `POST /chat/session` returned.
#[utoipa::path(get, path = "/chat/session/{id}/channel-token", tag = "sessions", params(SessionPath),
    security(("visitor_secret" = [])),
    responses((status = 200, description = "A new token", body = ChannelToken)))]
pub(crate) async fn channel_token(
    state: Data<AppState>,
    request: HttpRequest,
    id: Path<ChatId>,
    secret: VisitorSecret,
) -> Result<Json<ChannelToken>, ApiError> {
    let mut conn = state.connection().await?;
    let visitor = visitor::proved(&mut conn, *id, &secret.0).await?;
    check_page(&state, &request, SiteId(visitor.site))?;
    visitor.check_identity()?;
    Ok(Json(renewed(&state, *id)))
}

fn renewed(state: &AppState, session: ChatId) -> ChannelToken {
    let channel = state.tokens.channel(session);
    ChannelToken {
        token: channel.token,
        expires_at: channel.expires_at,
        stream_url: channel.stream_url,
        created_at: channel.created_at,
    }
}

/// Which of the visitor's sessions, and how many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OwnSessionsQuery {
    /// How many at most.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// `next_cursor` of the page before.
    #[param(inline)]
    cursor: Option<IdParam>,
}

/// A session of the visitor, with a token for it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OwnSession {
    #[serde(flatten)]
    session: SessionView,
    /// Opens this session, over REST and on a socket, until `expires_at`.
    token: String,
    expires_at: DateTime<Utc>,
    /// When the token was made, by the clock of the server.
    token_created_at: DateTime<Utc>,
}

/// A page of the visitor's sessions, the newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OwnSessions {
    sessions: Vec<OwnSession>,
    /// For the next page; null at the end.
    next_cursor: Option<ChatId>,
}

/// The sessions of a visitor: of the same device, and those of other devices that have proved the same identity at this
/// site. Authorize with the visitor secret.
#[utoipa::path(get, path = "/chat/session/{id}/sessions", operation_id = "list_own_sessions", tag = "sessions",
    params(SessionPath, OwnSessionsQuery), security(("visitor_secret" = [])),
    responses((status = 200, description = "One page", body = OwnSessions)))]
pub(crate) async fn own(
    state: Data<AppState>,
    request: HttpRequest,
    id: Path<ChatId>,
    secret: VisitorSecret,
    Params(query): Params<OwnSessionsQuery>,
) -> Result<Json<OwnSessions>, ApiError> {
    let mut conn = state.connection().await?;
    let visitor = visitor::proved(&mut conn, *id, &secret.0).await?;
    check_page(&state, &request, SiteId(visitor.site))?;
    visitor.check_identity()?;
    state.limits.request_of(Principal::Client { session_id: *id })?;
    let before = query.cursor.map(|cursor| ChatId(cursor.get()));
    let owner = Owner::Device(&visitor);
    let page = own::list(&mut conn, &state.bad_rows, owner, before, rows_of(query.limit)).await?;
    Ok(Json(with_tokens(&state, page)))
}

fn with_tokens(state: &AppState, (sessions, next_cursor): (Vec<SessionView>, Option<ChatId>)) -> OwnSessions {
    let with_token = |session: SessionView| {
        let ChannelToken { token, expires_at, created_at, .. } = renewed(state, session.session.session_id);
        OwnSession { session, token, expires_at, token_created_at: created_at }
    };
    OwnSessions { sessions: sessions.into_iter().map(with_token).collect(), next_cursor }
}

/// A person that asks for its sessions on a device that has none.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct PersonsSessions {
    #[schema(inline)]
    identity: IdentityToken,
    /// How many at most.
    #[schema(inline)]
    limit: Option<PageLimit>,
    /// `next_cursor` of the page before.
    #[schema(inline)]
    cursor: Option<Id>,
}

/// The sessions of a person that a site has signed, whatever device they were opened on, with a token for each: what a device
/// shows that has no session yet. None is opened by it.
#[utoipa::path(post, path = "/chat/sites/{key}/sessions", operation_id = "list_sessions_of_person", tag = "sessions",
    params(SiteKeyPath), request_body = PersonsSessions,
    responses((status = 200, description = "One page; an empty one for a person that has never written", body = OwnSessions),
              (status = 401, description = "The identity is not good, or not any more", body = chat_events::ErrorEnvelope),
              (status = 403, description = "The site does not allow the page (`details.origin`)", body = chat_events::ErrorEnvelope)))]
pub(crate) async fn of_person(
    state: Data<AppState>,
    request: HttpRequest,
    key: Path<SiteKey>,
    body: Body<PersonsSessions>,
) -> Result<Json<OwnSessions>, ApiError> {
    let PersonsSessions { identity, limit, cursor } = body.0;
    let mut conn = state.connection().await?;
    let site = rows::asked_for(&mut conn, Some(key.into_inner())).await?.filter(Site::is_open);
    let site = site.ok_or_else(|| Error::not_found("there is no site of this key"))?.id();
    check_page(&state, &request, site)?;
    let identity = verify(&mut conn, site, identity).await?;
    let Some(contact) = link::find(&mut conn, site, &identity.identifier).await? else {
        return Ok(Json(OwnSessions { sessions: Vec::new(), next_cursor: None }));
    };
    let before = cursor.map(|cursor| ChatId(cursor.get()));
    let owner = Owner::Person { contact, site };
    let page = own::list(&mut conn, &state.bad_rows, owner, before, rows_of(limit)).await?;
    Ok(Json(with_tokens(&state, page)))
}

/// A visitor that proves who it is: an identity that its site has signed, as in `POST /chat/session`.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct Identify {
    #[schema(inline)]
    identity: IdentityToken,
}

/// Has the visitor of a session prove who it is. A device that has proved another identity is a `conflict`: what another
/// person wrote stays that person's, so open a new session without `device`.
#[utoipa::path(post, path = "/chat/session/{id}/identify", operation_id = "identify_client", tag = "sessions", params(SessionPath),
    request_body = Identify, security(("session_token" = [])),
    responses((status = 204, description = "It is known now")))]
pub(crate) async fn identify(
    state: Data<AppState>,
    session: InChat,
    body: Body<Identify>,
) -> Result<HttpResponse, ApiError> {
    let own = session.caller.client()?;
    let mut conn = state.connection().await?;
    let site = open_site_of(&mut conn, own).await?;
    let identity = verify(&mut conn, site, body.0.identity).await?;
    drop(conn);
    visitor::identify(&state, own, site, identity).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The site of a session whose client is not banned.
async fn open_site_of(conn: &mut AsyncPgConnection, session: ChatId) -> Result<SiteId, Error> {
    let found = visitor::site_of(conn, session).await?;
    found.ok_or_else(|| Error::forbidden("the client is banned"))
}

/// What a visitor says of itself.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"name": "Ada", "email": "ada@example.com"}))]
pub(crate) struct ChangeClient {
    /// The name to show.
    #[schema(inline)]
    name: Option<Name>,
    /// Where to answer when the visitor is gone.
    #[schema(inline)]
    email: Option<EmailAddress>,
    /// What the site knows about its visitor, in place of what it knew before. Nobody is told of it: operators see it when they
    /// look at the session.
    #[schema(schema_with = schemas::metadata)]
    metadata: Option<Metadata>,
}

/// Gives the visitor of a session another name or address; what is left out stays. Of a visitor whose identity the site has
/// signed the site alone tells its name and address: `conflict`.
#[utoipa::path(patch, path = "/chat/session/{id}/client", operation_id = "change_client", tag = "sessions", params(SessionPath),
    request_body = ChangeClient, security(("session_token" = [])),
    responses((status = 204, description = "It is known now")))]
pub(crate) async fn change_client(
    state: Data<AppState>,
    session: InChat,
    body: Body<ChangeClient>,
) -> Result<HttpResponse, ApiError> {
    let own = session.caller.client()?;
    let ChangeClient { name, email, metadata } = body.0;
    let profile = Profile { name: name.map(Name::into_inner), email: email.map(EmailAddress::into_inner) };
    if profile != Profile::default() || metadata.is_none() {
        visitor::set_profile(&state, session.actor, own, profile).await?;
    }
    if let Some(metadata) = metadata {
        visitor::set_metadata(&state, session.actor, own, &metadata).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}
