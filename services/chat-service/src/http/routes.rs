//! The routes of all features: canonical REST, and the requests of gateways.
//!
//! The handlers are with their features; [`openapi`] describes them.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, LOCATION, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{ServiceConfig, scope};
use chat_events::SitePages;
use utoipa::openapi::path::HttpMethod;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::endpoint::endpoints;
use super::openapi;
use super::table::{Route, undescribed};
use crate::accounts::routes as accounts;
use crate::activity::routes as activity;
use crate::chats::members::routes as members;
use crate::chats::routes as chats;
use crate::feed::routes as feed;
use crate::gateway::routes as gateway;
use crate::links::routes as links;
use crate::marks::routes as marks;
use crate::messages::routes as messages;
use crate::operators::routes as operators;
use crate::people::routes as people;
use crate::sessions::routes as sessions;
use crate::sessions::visitor_routes as visitors;
use crate::signs::routes as signs;
use crate::sites::routes as sites;
use crate::sites::shown as shown_sites;
use crate::talk::routes as talk;
use crate::workspace::routes as workspace;

/// Swagger UI may load itself, the images in its styles, and the document with the answers to what is tried. It sets
/// styles by script. No page may have it in a frame, where its buttons could be clicked unseen.
const DOCUMENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
    form-action 'none'";

/// The routes that everybody may call, described in the document.
pub(super) fn public() -> Vec<Route> {
    let features = [
        // Patterns are tried one after the other, which costs as much as reading a message: the most asked for come first.
        messages::routes(),
        marks::routes(),
        sessions::routes(),
        visitors::routes(),
        chats::routes(),
        members::routes(),
        activity::routes(),
        signs::routes(),
        accounts::routes(),
        people::routes(),
        links::routes(),
        operators::routes(),
        workspace::routes(),
        shown_sites::routes(),
        sites::routes(),
        talk::routes(),
    ];
    features.into_iter().flatten().collect()
}

/// The routes that only our own services may call.
pub(super) fn internal() -> Vec<Route> {
    [gateway::routes(), feed::routes()].into_iter().flatten().collect()
}

/// Swagger UI, at both of its usual places. Its references are relative: a proxy may put a prefix before all paths.
pub(crate) fn documents(config: &mut ServiceConfig, pages: &SitePages) {
    let mut documents = vec![undescribed(&HttpMethod::Get, "/openapi.json", openapi::serve)];
    let mut scopes = Vec::new();
    for (path, document) in [("/docs", "../openapi.json"), ("/api/docs", "../../openapi.json")] {
        let redirect = || async { HttpResponse::MovedPermanently().insert_header((LOCATION, "docs/")).finish() };
        documents.push(undescribed(&HttpMethod::Get, path, redirect));
        // The scope ends before the slash, which belongs to the page's own path.
        let ui = SwaggerUi::new("/{_:.*}").config(Config::from(document));
        let headers = DefaultHeaders::new()
            .add((CONTENT_SECURITY_POLICY, DOCUMENT_POLICY))
            .add((X_FRAME_OPTIONS, "DENY"))
            .add((X_CONTENT_TYPE_OPTIONS, "nosniff"));
        scopes.push(scope(path).wrap(headers).service(ui));
    }
    for endpoint in endpoints(documents) {
        config.service(endpoint.into_resource(Some(pages)));
    }
    for scope in scopes {
        config.service(scope);
    }
}
