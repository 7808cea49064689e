//! The route table: canonical REST, and what gateways ask.
//!
//! The handlers are with their features; [`openapi`] describes them.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, LOCATION, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{ServiceConfig, scope};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::cors::Origins;
use super::endpoint::{Endpoint, at};
use super::openapi;
use crate::accounts::routes as accounts;
use crate::chats::members::routes as members;
use crate::chats::routes as chats;
use crate::gateway::routes as internal;
use crate::marks::routes as marks;
use crate::messages::routes as messages;
use crate::sessions::routes as sessions;

/// What Swagger UI may load: itself, the images in its styles, and the document with the answers to what is tried. It sets
/// styles by script. No page may have it in a frame, where its buttons could be clicked unseen.
const DOCUMENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
    form-action 'none'";

/// What everybody may call.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/chat/session").post(sessions::open),
        at("/chat/session/{id}").get(sessions::show),
        at("/chat/session/{id}/channel-token").get(sessions::channel_token),
        at("/chat/session/{id}/messages").get(messages::list_in_session).post(messages::send_in_session),
        at("/chat/session/{id}/marks").post(marks::raise_in_session),
        at("/chat/session/{id}/assign").post(sessions::assign),
        at("/chat/session/{id}/status").post(sessions::set_status),
        at("/chat/session/{id}/ban").post(sessions::ban),
        at("/chat/session/{id}/unban").post(sessions::unban),
        at("/chat/sessions").get(sessions::list),
        at("/chats").get(chats::list),
        at("/chats/changes").post(chats::changes),
        at("/chats/{id}/members").post(members::add),
        at("/chats/{id}/members/{user_id}").patch(members::alter).delete(members::remove),
        at("/chats/{id}/messages").get(messages::list_in_chat).post(messages::send_in_chat),
        at("/chats/{id}/marks").post(marks::raise_in_chat),
        at("/auth/login").post(accounts::log_in),
        at("/auth/refresh").post(accounts::refresh),
        at("/auth/logout").post(accounts::log_out),
        at("/users/me").get(accounts::me),
        at("/.well-known/jwks.json").get(accounts::jwks),
        at("/openapi.json").get(openapi::serve),
    ]
}

/// What only gateways may call.
pub(crate) fn internal_endpoints() -> Vec<Endpoint> {
    vec![
        at("/internal/accounts").post(internal::accounts),
        at("/internal/clients").post(internal::clients),
        at("/internal/sync").post(internal::sync),
        at("/internal/send").post(internal::send),
        at("/internal/mark").post(internal::mark),
        at("/internal/tops").post(internal::tops),
        at("/internal/changes").post(internal::changes),
        at("/internal/revocations").post(internal::revocations),
    ]
}

/// Swagger UI, at both of its usual places. What it refers to is relative: a proxy may put a prefix before all paths.
pub(crate) fn documents(config: &mut ServiceConfig, origins: &Origins) {
    for (path, document) in [("/docs", "../openapi.json"), ("/api/docs", "../../openapi.json")] {
        let redirect = || async { HttpResponse::MovedPermanently().insert_header((LOCATION, "docs/")).finish() };
        config.service(at(path).get(redirect).into_resource(origins));
        // The scope ends before the slash, which belongs to the page's own path.
        let page = SwaggerUi::new("/{_:.*}").config(Config::from(document));
        let headers = DefaultHeaders::new()
            .add((CONTENT_SECURITY_POLICY, DOCUMENT_POLICY))
            .add((X_FRAME_OPTIONS, "DENY"))
            .add((X_CONTENT_TYPE_OPTIONS, "nosniff"));
        config.service(scope(path).wrap(headers).service(page));
    }
}
