//! The clients for browsers, out of the binary: `/`, the widget, its page for frames, the console, and the demo page.
//!
//! The document describes REST, and none of these.

use actix_web::web::{Data, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use chat_events::{ErrorBody, ErrorCode};
use serde::Deserialize;
use utoipa::openapi::path::HttpMethod;
use web_assets::Assets;

use super::api_error::{ApiError, answer};
use super::endpoint::endpoints;
use super::table::undescribed;
use crate::input::fields::SiteKey;
use crate::sites::rows;
use crate::state::AppState;

/// Their routes. Who may read them is said by each answer, so the list of origins has no part in it.
pub(super) fn configure(config: &mut ServiceConfig) {
    let get = &HttpMethod::Get;
    let routes = vec![
        undescribed(get, "/", home),
        undescribed(get, "/widget.js", loader),
        undescribed(get, "/widget/frame", frame_page),
        undescribed(get, "/console", to_console),
        undescribed(get, "/console/", console),
        undescribed(get, "/assets/{path:.*}", asset),
        undescribed(get, "/demo", to_demo),
        undescribed(get, "/demo/{name:[^/]*}", demo),
    ];
    for endpoint in endpoints(routes) {
        config.service(endpoint.into_resource(None));
    }
}

async fn home(request: HttpRequest) -> HttpResponse {
    Assets::embedded().home(&request)
}

async fn loader(request: HttpRequest) -> HttpResponse {
    found(Assets::embedded().loader(&request))
}

/// The site whose widget a frame shows.
#[derive(Debug, Deserialize)]
struct FrameQuery {
    site: Option<String>,
}

/// In frames of this server's own pages, of those of the configuration, and of those of the site.
async fn frame_page(
    request: HttpRequest,
    state: Data<AppState>,
    query: Query<FrameQuery>,
) -> Result<HttpResponse, ApiError> {
    let key = query.into_inner().site.map(SiteKey::parse).transpose();
    let site = match key {
        Ok(key) => rows::asked_for(&mut *state.connection().await?, key).await?,
        Err(_) => None,
    };
    let of_site = site.into_iter().flat_map(|site| site.origins);
    let ancestors =
        state.site_pages.everywhere().chain(of_site).fold("'self'".to_owned(), |list, one| list + " " + &one);
    Ok(found(Assets::embedded().frame_page(&request, &ancestors)))
}

/// A reference within the page is relative to the slash at the end.
async fn to_console() -> HttpResponse {
    HttpResponse::MovedPermanently().insert_header(("Location", "console/")).finish()
}

async fn console(request: HttpRequest) -> HttpResponse {
    found(Assets::embedded().console(&request))
}

async fn asset(request: HttpRequest) -> HttpResponse {
    let path = format!("assets/{}", request.match_info().query("path"));
    found(Assets::embedded().asset(&request, &path))
}

/// A reference within the page is relative to the slash at the end.
async fn to_demo() -> HttpResponse {
    HttpResponse::MovedPermanently().insert_header(("Location", "demo/")).finish()
}

async fn demo(request: HttpRequest) -> HttpResponse {
    found(Assets::embedded().demo(&request, request.match_info().query("name")))
}

fn found(file: Option<HttpResponse>) -> HttpResponse {
    file.unwrap_or_else(|| {
        let why = if Assets::embedded().are_built() {
            "there is nothing at this path"
        } else {
            "the clients for browsers are not built into this server; its page at / says how to"
        };
        answer(ErrorBody::new(ErrorCode::NotFound, why))
    })
}
