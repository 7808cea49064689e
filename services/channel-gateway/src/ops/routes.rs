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
            .service(resource(websocket::CHANNEL, "GET", &gateway).route(web::get().to(upgrade_missing)))
            .service(resource(websocket::SHORT, "GET", &gateway).route(web::get().to(upgrade_missing)))
            .service(resource("/channel/sse", "GET", &gateway).route(web::get().to(sse::channel)))
            .service(resource("/channel/poll", "POST", &gateway).route(web::post().to(poll::channel)))
            .service(resource(r"/chat/{id:\d+}/stream", "GET", &gateway).route(web::get().to(sse::signed_link)));
    }
}

/// At this path one method is served, and pages of sites may read the answers.
fn resource(
    path: &str,
    served: &'static str,
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
    web::resource(path)
        .app_data(Data::new(gateway.clone()))
        .app_data(QueryConfig::default().error_handler(|_, _| bad_request("query")))
        .app_data(PathConfig::default().error_handler(|_, _| bad_request("path")))
        .default_service(web::to(async move || method_not_allowed(served)))
        .wrap(cors(&gateway.pages))
}
