//! The form, what it sends, and the messages.
//!
//! A cookie holds the session and the visitor's secret: it is for this page alone, no script can read it, and no page of
//! another site sends it along. Sockets and REST know nothing of it.

use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Data, Form};
use actix_web::{HttpRequest, HttpResponse};
use chat_events::gateway_api::{Principal, SentFrom};
use chat_events::origins::is_same_address;
use chat_events::{ChatId, ErrorBody, ErrorCode, MessageDraft};
use chrono::Utc;
use maud::Markup;
use serde::Deserialize;
use serde_json::json;
use utoipa::openapi::path::HttpMethod;

use super::page::{self, Reader, Said, Shown};
use super::style;
use super::texts::{self, Texts};
use crate::access::Actor;
use crate::error::Error;
use crate::http::body::read_object;
use crate::http::caller::{CameFrom, page_and_host};
use crate::http::table::{Route, undescribed};
use crate::input::fields::{EmailAddress, Name, SiteKey};
use crate::messages::history::{self, PageAnchor};
use crate::messages::send::NewMessage;
use crate::messages::{self, Reading};
use crate::sessions::openings::{self, OpeningId};
use crate::sessions::{self, Device, NewSession, Visitor};
use crate::sites::rows::{self, Site};
use crate::state::AppState;

/// How many messages are shown.
const SHOWN: u16 = 100;
/// Where the style is, seen from a page below a site's key.
const STYLE: &str = "style.css";
/// The name of the cookie.
const COOKIE: &str = "talk";
/// No script at all; the messages lie in a frame of this very page.
const POLICY: &str = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'self'; \
    base-uri 'none'";

/// Where the page is served. It is for people, and not in the document.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        undescribed(&HttpMethod::Get, "/talk/{key}", redirect),
        undescribed(&HttpMethod::Get, "/talk/{key}/", show),
        undescribed(&HttpMethod::Get, "/talk/{key}/messages", show_messages),
        undescribed(&HttpMethod::Post, "/talk/{key}/send", send),
        undescribed(&HttpMethod::Get, "/talk/{key}/style.css", style),
    ]
}

/// The page's addresses are relative to its own, which ends in a slash.
async fn redirect(request: HttpRequest) -> HttpResponse {
    let key = request.match_info().get("key").and_then(|key| SiteKey::parse(key.to_owned()).ok());
    match key {
        Some(key) => HttpResponse::SeeOther().insert_header((LOCATION, format!("{}/", key.into_inner()))).finish(),
        None => not_here(&request),
    }
}

/// The rules, with the colour of the site if there is such a site.
async fn style(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    let site = Here::of(&state, &request).await.ok().flatten().map(|here| here.site);
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .content_type("text/css; charset=utf-8")
        .body(style::sheet(site.and_then(|site| site.color).as_deref()))
}

/// A site that is open, and the words for the reader.
struct Here {
    site: Site,
    language: &'static str,
    texts: &'static Texts,
}

impl Here {
    async fn of(state: &AppState, request: &HttpRequest) -> Result<Option<Self>, Error> {
        let Some(key) = request.match_info().get("key").and_then(|key| SiteKey::parse(key.to_owned()).ok()) else {
            return Ok(None);
        };
        let mut conn = state.connection().await?;
        let found = rows::find_by_key(&mut conn, &key.into_inner()).await?;
        Ok(found.filter(Site::is_open).map(|site| {
            let (language, texts) = words(request, &site.languages);
            Self { site, language, texts }
        }))
    }

    fn reader(&self) -> Reader<'_> {
        Reader { site: &self.site, language: self.language, texts: self.texts }
    }
}

fn words(request: &HttpRequest, of_site: &[String]) -> (&'static str, &'static Texts) {
    let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    texts::choose(accepted, of_site)
}

async fn show(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    let shown = async {
        let Some(here) = Here::of(&state, &request).await? else { return Ok(not_here(&request)) };
        let known = returning(&state, &request, &here.site).await?;
        if known.is_none() && here.site.identity_required {
            return Ok(html(StatusCode::OK, &page::notice(here.language, here.texts, &here.texts.sign_in, STYLE)));
        }
        form(&state, &here, Said { has_session: known.is_some(), ..Said::default() }).await
    };
    shown.await.unwrap_or_else(|error| failed(&request, error))
}

async fn form(state: &AppState, here: &Here, said: Said<'_>) -> Result<HttpResponse, Error> {
    let mut conn = state.connection().await?;
    let is_online = !crate::operators::of_site(&mut conn, here.site.id()).await?.is_empty();
    let status = if said.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(html(status, &page::form(&here.reader(), &Said { is_online, ..said })))
}

async fn show_messages(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    let shown = async {
        let Some(here) = Here::of(&state, &request).await? else { return Ok(not_here(&request)) };
        let Some((session, _)) = returning(&state, &request, &here.site).await? else {
            return Ok(html(StatusCode::OK, &page::messages(&here.reader(), &Shown::default())));
        };
        let client = Principal::Client { session_id: session };
        state.limits.request_of(client)?;
        let mut conn = state.connection().await?;
        let reading = Reading::of(Actor::from(client), session);
        let read = history::read(&mut conn, &state.bad_rows, reading, PageAnchor::Newest, SHOWN).await?;
        let is_closed = sessions::is_closed(&mut conn, session).await?;
        let is_still = request.query_string() == page::STILL;
        let shown = Shown { messages: &read.messages, is_closed, is_still };
        Ok(html(StatusCode::OK, &page::messages(&here.reader(), &shown)))
    };
    shown.await.unwrap_or_else(|error: Error| failed(&request, error))
}

/// The fields of the form.
#[derive(Debug, Deserialize)]
struct Sent {
    /// Of the message, and of the session that it opens.
    client_id: OpeningId,
    body: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
}

async fn send(
    state: Data<AppState>,
    request: HttpRequest,
    CameFrom(from): CameFrom,
    sent: Result<Form<Sent>, actix_web::Error>,
) -> HttpResponse {
    let done = async {
        let Some(here) = Here::of(&state, &request).await? else { return Ok(not_here(&request)) };
        check_own_page(&request)?;
        let Form(sent) = sent.map_err(|_| Error::refused(ErrorCode::BadRequest, "the form could not be read"))?;
        let known = returning(&state, &request, &here.site).await?.map(|(session, _)| session);
        match write(&state, &here.site, (known, from), &sent).await {
            Ok(opened) => Ok(sent_to(&here.site, &state, opened)),
            // Whatever is wrong, what was written is not lost.
            Err(error) => {
                let ErrorBody { message, .. } = error.into_body();
                let said =
                    Said { has_session: known.is_some(), error: Some(&message), unsent: &sent.body, ..Said::default() };
                form(&state, &here, said).await
            }
        }
    };
    done.await.unwrap_or_else(|error| failed(&request, error))
}

/// Writes the message, in a new session if there is none; returns the cookie of a new one.
async fn write(
    state: &AppState,
    site: &Site,
    (known, from): (Option<ChatId>, crate::limits::Address),
    sent: &Sent,
) -> Result<Option<String>, Error> {
    let draft = json!({"body": sent.body.replace("\r\n", "\n"), "client_id": sent.client_id.0}).to_string();
    let draft: MessageDraft = read_object(&draft).map_err(Error::Refused)?;
    let (session, cookie) = match known {
        Some(session) => (session, None),
        None => open(state, site, from, sent).await?,
    };
    let client = Principal::Client { session_id: session };
    state.limits.request_of(client)?;
    let new = NewMessage::of(Actor::from(client), session, draft);
    let from = SentFrom { address: from, token_made_at: Utc::now().timestamp() };
    messages::write(state, new, Some(from)).await?;
    Ok(cookie)
}

async fn open(
    state: &AppState,
    site: &Site,
    from: crate::limits::Address,
    sent: &Sent,
) -> Result<(ChatId, Option<String>), Error> {
    if site.identity_required {
        return Err(Error::unproved());
    }
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let wrong = |field: &str, fault: &chat_events::Fault| Error::Refused(fault.of(field));
    let name = given(&sent.name).map(Name::parse).transpose().map_err(|fault| wrong("name", &fault))?;
    let email = given(&sent.email).map(EmailAddress::parse).transpose().map_err(|fault| wrong("email", &fault))?;
    site.check_prechat(name.is_some(), email.is_some())?;
    state.limits.open_session(from)?;
    let (secrets, opening) = (state.tokens.secrets_of_opening(sent.client_id.0), Some(sent.client_id));
    let cookie = |session: ChatId, secret: &str| Some(format!("{session}.{secret}"));
    if let Some(opened) = openings::before(&mut *state.connection().await?, opening, site.id(), &secrets).await? {
        return Ok((opened.session, cookie(opened.session, &opened.secret)));
    }
    let secret = secrets.now;
    let new = NewSession {
        name: name.map(Name::into_inner),
        email: email.map(EmailAddress::into_inner),
        page_url: None,
        locale: None,
        metadata: chat_events::Metadata::default(),
        site: site.id(),
        device: Device::New { secret_hash: secret.hash.clone(), identity: None },
        opening,
    };
    let (session, _) = openings::open_once(state, new, &secret).await?;
    Ok((session, cookie(session, &secret.text)))
}

fn sent_to(site: &Site, state: &AppState, cookie: Option<String>) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, "./"));
    if let Some(value) = cookie {
        let cookie = Cookie::build(COOKIE, value)
            .path(format!("{}/talk/{}", state.tokens.public_path(), site.key))
            .http_only(true)
            .same_site(SameSite::Strict)
            .secure(state.tokens.is_public_over_tls())
            .max_age(Duration::days(365))
            .finish();
        response.cookie(cookie);
    }
    response.finish()
}

/// The session of a visitor that has been here before, if its cookie is good at this site.
async fn returning(state: &AppState, request: &HttpRequest, site: &Site) -> Result<Option<(ChatId, Visitor)>, Error> {
    let Some(cookie) = request.cookie(COOKIE) else { return Ok(None) };
    let Some((session, secret)) = cookie.value().split_once('.') else { return Ok(None) };
    let Ok(session) = session.parse().map(ChatId) else { return Ok(None) };
    let mut conn = state.connection().await?;
    match sessions::proved(&mut conn, session, secret).await {
        Ok(visitor) if visitor.site == site.id && visitor.check_identity().is_ok() => Ok(Some((session, visitor))),
        Ok(_) => Ok(None),
        Err(Error::Refused(body)) if body.code == ErrorCode::Unauthorized => Ok(None),
        Err(error) => Err(error),
    }
}

/// A form on a page of another site does not write here.
fn check_own_page(request: &HttpRequest) -> Result<(), Error> {
    let (origin, host) = page_and_host(request);
    match origin {
        Some(origin) if !is_same_address(origin, &host) => Err(Error::forbidden("the form is not of this page")),
        _ => Ok(()),
    }
}

fn not_here(request: &HttpRequest) -> HttpResponse {
    let (language, texts) = words(request, &[]);
    // There is no slash behind a key that is none.
    let style = if request.path().ends_with('/') { STYLE } else { "default/style.css" };
    html(StatusCode::NOT_FOUND, &page::notice(language, texts, &texts.not_here, style))
}

fn failed(request: &HttpRequest, error: Error) -> HttpResponse {
    let (language, texts) = words(request, &[]);
    let body = error.into_body();
    let status = StatusCode::from_u16(body.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    html(status, &page::notice(language, texts, &body.message, STYLE))
}

fn html(status: StatusCode, page: &Markup) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "same-origin"))
        .body(page.0.clone())
}
