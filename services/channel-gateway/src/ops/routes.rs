//! The gateway's HTTP routes. WebSockets do not come here: they are taken over before (see `transport::websocket`).

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::web::{self, Data, PathConfig, QueryConfig, ServiceConfig};
use actix_web::{Error, Resource};

use crate::auth::origins::cors;
use crate::gateway::Gateway;
use crate::ops::error::{bad_request, method_not_allowed, upgrade_missing};
use crate::transport::{poll, sse, websocket};

/// All routes but the probes.
pub fn configure(gateway: Arc<Gateway>) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .service(get(websocket::CHANNEL, &gateway).route(web::get().to(upgrade_missing)))
            .service(get(websocket::SHORT, &gateway).route(web::get().to(upgrade_missing)))
            .service(get("/channel/sse", &gateway).route(web::get().to(sse::channel)))
            .service(post("/channel/poll", &gateway).route(web::post().to(poll::channel)))
            .service(get(r"/chat/{id:\d+}/stream", &gateway).route(web::get().to(sse::signed_link)));
    }
}

fn get(
    path: &str,
    gateway: &Arc<Gateway>,
) -> Resource<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let refused = web::to(async || method_not_allowed("GET"));
    resource(path, gateway).default_service(refused).wrap(cors(&gateway.pages))
}

fn post(
    path: &str,
    gateway: &Arc<Gateway>,
) -> Resource<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let refused = web::to(async || method_not_allowed("POST"));
    resource(path, gateway).default_service(refused).wrap(cors(&gateway.pages))
}

fn resource(path: &str, gateway: &Arc<Gateway>) -> Resource {
    web::resource(path)
        .app_data(Data::new(gateway.clone()))
        .app_data(QueryConfig::default().error_handler(|_, _| bad_request("query")))
        .app_data(PathConfig::default().error_handler(|_, _| bad_request("path")))
}
