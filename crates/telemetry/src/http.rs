//! The probe routes, and a span for each request. The metrics may have an address of their own: then the world's has none.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Route};
use tracing::Span;
use tracing::field::Empty;
use tracing_actix_web::{RootSpanBuilder, TracingLogger};

use crate::trace::{self, TRACEPARENT};
use crate::{Health, Metrics, labels, metrics};

/// `/healthz` (alive), `/readyz` (able) and, where metrics are given, `/metrics`.
pub fn configure(
    health: Health,
    metrics: impl Into<Option<Metrics>>,
) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let metrics = metrics.into();
    move |config| {
        let health = health.clone();
        config
            .service(probe("/healthz", || HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")))
            .service(probe("/readyz", move || ready(&health)));
        if let Some(metrics) = metrics.clone() {
            config.service(probe("/metrics", move || {
                HttpResponse::Ok().insert_header((CONTENT_TYPE, metrics::CONTENT_TYPE)).body(metrics.encode())
            }));
        }
    }
}

fn probe(path: &str, answer: impl Fn() -> HttpResponse + Clone + 'static) -> actix_web::Resource {
    let route = |method: Route| {
        let answer = answer.clone();
        method.to(move || std::future::ready(answer()))
    };
    web::resource(path).route(route(web::get())).route(route(web::head()))
}

fn ready(health: &Health) -> HttpResponse {
    let readiness = health.readiness();
    let mut answer = if readiness.ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.insert_header((CACHE_CONTROL, "no-store")).json(readiness)
}

/// Gives each request a span that continues the caller's trace. It names the path and never the query string, where
/// tokens may be.
#[must_use]
pub fn request_tracing() -> TracingLogger<RequestSpan> {
    TracingLogger::new()
}

/// Builds the spans of [`request_tracing`].
#[derive(Debug)]
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        // Both are OpenTelemetry's words for a method that is not known.
        let (method, name) = match labels::method(request.method().as_str()) {
            labels::OTHER => ("_OTHER", "HTTP"),
            known => (known, known),
        };
        // Unmatched paths are many: as a name they would be a new one each time.
        let route = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
        let span = tracing::info_span!(
            "request",
            otel.name = %format_args!("{name} {route}"),
            otel.kind = "server",
            otel.status_code = Empty,
            http.request.method = method,
            http.route = route,
            url.path = labels::shown(request.path()),
            http.response.status_code = Empty,
            trace_id = Empty,
        );
        let traceparent = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
        trace::continue_from(&span, traceparent);
        if let Some(trace_id) = trace::trace_id(&span) {
            span.record("trace_id", trace_id);
        }
        span
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, actix_web::Error>) {
        let status = match outcome {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        span.record("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service, read_body, read_body_json};
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[actix_web::test]
    async fn a_service_is_alive_before_it_is_able() {
        let health = Health::new();
        let redis = health.part("redis");
        let app = init_service(App::new().configure(configure(health, Metrics::new()))).await;
        let get = |path| TestRequest::get().uri(path).to_request();
        assert_eq!(call_service(&app, get("/healthz")).await.status(), StatusCode::OK);
        let before = call_service(&app, get("/readyz")).await;
        assert_eq!(before.status(), StatusCode::SERVICE_UNAVAILABLE);
        let before: serde_json::Value = read_body_json(before).await;
        assert_eq!((&before["ready"], &before["parts"]["redis"]["up"]), (&false.into(), &false.into()));
        redis.up();
        let after = call_service(&app, get("/readyz")).await;
        assert_eq!(after.status(), StatusCode::OK);
        let after: serde_json::Value = read_body_json(after).await;
        let parts = serde_json::json!({"redis": {"up": true, "if_down": "not_ready"}});
        assert_eq!(after, serde_json::json!({"status": "ready", "ready": true, "parts": parts}));
    }

    #[actix_web::test]
    async fn metrics_are_open_metrics_text() {
        let (metrics, sent) = (Metrics::new(), Counter::<u64>::default());
        metrics.register("messages_sent", "Messages written", sent.clone());
        sent.inc();
        let app = init_service(App::new().configure(configure(Health::new(), metrics))).await;
        let answer = call_service(&app, TestRequest::get().uri("/metrics").to_request()).await;
        assert_eq!(answer.headers().get(CONTENT_TYPE).expect("a content type"), metrics::CONTENT_TYPE);
        let text = String::from_utf8(read_body(answer).await.to_vec()).expect("UTF-8");
        assert!(text.contains("messages_sent_total 1\n") && text.ends_with("# EOF\n"), "{text}");
    }

    #[actix_web::test]
    async fn metrics_that_are_served_elsewhere_are_not_served_here() {
        let app = init_service(App::new().configure(configure(Health::new(), None))).await;
        let get = |path| TestRequest::get().uri(path).to_request();
        assert_eq!(call_service(&app, get("/metrics")).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(call_service(&app, get("/healthz")).await.status(), StatusCode::OK);
    }
}
