//! All routes, put together.

use actix_web::HttpResponse;
use actix_web::web::{self, FormConfig, PathConfig, ServiceConfig};
use chat_events::{ErrorBody, ErrorCode};

use super::api_error::{ApiError, answer};
use super::endpoint::{MAX_BODY, endpoints, json_config};
use super::{clients, routes, unreadable};
use crate::state::AppState;

/// The largest body of a request by a gateway, in bytes: it asks for many chats at once.
const MAX_INTERNAL_BODY: usize = 4 * 1024 * 1024;

/// All routes. A request that matches none of them is for the server's default service; see [`not_found`].
pub fn configure(state: AppState) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(web::Data::new(state.clone()))
            .app_data(json_config(MAX_BODY))
            .app_data(FormConfig::default().limit(MAX_BODY))
            .app_data(PathConfig::default().error_handler(|why, _| ApiError(unreadable::path(&why)).into()));
        if state.internal_secret.is_some() {
            for endpoint in endpoints(routes::internal()) {
                config.service(endpoint.accepting(MAX_INTERNAL_BODY).uncounted().into_resource(None));
            }
        }
        for endpoint in endpoints(routes::public()) {
            config.service(endpoint.into_resource(Some(&state.site_pages)));
        }
        routes::documents(config, &state.site_pages);
        clients::configure(config);
    }
}

/// The answer where no route matches.
pub async fn not_found() -> HttpResponse {
    answer(ErrorBody::new(ErrorCode::NotFound, "there is nothing at this path"))
}
