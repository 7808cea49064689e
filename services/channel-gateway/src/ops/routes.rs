//! The gateway's HTTP routes. WebSockets do not come here: they are taken over before (see `transport::websocket`).

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::web::{self, Data, PathConfig, QueryConfig, ServiceConfig};
use actix_web::{HttpResponse, Resource, Responder, Route, guard};

use crate::gateway::Gateway;
use crate::ops::error::{bad_request, method_not_allowed, upgrade_missing};
use crate::transport::{poll, sse, websocket};

/// The sources of the demo page: itself, its inline icon, and the channel.
const DEMO_POLICY: &str = "default-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// All routes but the probes.
pub fn configure(gateway: Arc<Gateway>) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .service(get(websocket::CHANNEL, &gateway).route(web::get().to(upgrade_missing)))
            .service(get(websocket::SHORT, &gateway).route(web::get().to(upgrade_missing)))
            .service(get("/channel/sse", &gateway).route(web::get().to(sse::channel)))
            .service(post("/channel/poll", &gateway).route(web::post().to(poll::channel)))
            .service(get(r"/chat/{id:\d+}/stream", &gateway).route(web::get().to(sse::signed_link)))
            .service(get("/", &gateway).route(get_or_head().to(demo_page)))
            .service(get("/demo/demo.css", &gateway).route(get_or_head().to(demo_style)))
            .service(get("/demo/demo.js", &gateway).route(get_or_head().to(demo_script)));
    }
}

fn get_or_head() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn get(path: &str, gateway: &Arc<Gateway>) -> Resource {
    resource(path, gateway).default_service(web::to(async || method_not_allowed("GET")))
}

fn post(path: &str, gateway: &Arc<Gateway>) -> Resource {
    resource(path, gateway).default_service(web::to(async || method_not_allowed("POST")))
}

fn resource(path: &str, gateway: &Arc<Gateway>) -> Resource {
    web::resource(path)
        .app_data(Data::new(gateway.clone()))
        .app_data(QueryConfig::default().error_handler(|_, _| bad_request("query")))
        .app_data(PathConfig::default().error_handler(|_, _| bad_request("path")))
}

async fn demo_page() -> impl Responder {
    asset("text/html; charset=utf-8", include_str!("../../../../clients/demo/index.html"))
}

async fn demo_style() -> impl Responder {
    asset("text/css; charset=utf-8", include_str!("../../../../clients/demo/demo.css"))
}

async fn demo_script() -> impl Responder {
    asset("text/javascript; charset=utf-8", include_str!("../../../../clients/demo/demo.js"))
}

fn asset(content_type: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, content_type))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, DEMO_POLICY))
        .body(text)
}
