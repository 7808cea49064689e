//! The probe routes alone: for a service that has no HTTP of its own, and for metrics that have an address of their own.

use std::net::{TcpListener, ToSocketAddrs};

use actix_web::App;
use telemetry::{Health, Metrics, TelemetryConfig, Vital};

use crate::config::HttpConfig;
use crate::connections::Connections;
use crate::listening::{Server, listen};

/// Serves them, with the metrics that are to be seen `here`. It listens at once.
pub fn serve(
    bind: impl ToSocketAddrs,
    health: Health,
    metrics: &Metrics,
    vital: &Vital,
    here: Option<Metrics>,
) -> anyhow::Result<Server> {
    let connections = Connections::new(HttpConfig::default(), false, metrics);
    Ok(probes(bind, health, here, (&connections, vital))?.announced())
}

/// Serves the metrics at an address of their own, where the configuration names one, until the process ends. Gives back
/// the metrics that are to be served with the rest: those that are not served elsewhere.
pub fn metrics_apart(
    config: &TelemetryConfig,
    health: &Health,
    metrics: &Metrics,
    vital: &Vital,
) -> anyhow::Result<Option<Metrics>> {
    let Some(bind) = config.metrics_bind.as_deref().filter(|bind| !bind.is_empty()) else {
        return Ok(Some(metrics.clone()));
    };
    // Its few connections are not counted with those of the world.
    let connections = Connections::new(HttpConfig::default(), false, &Metrics::new());
    let server = probes(bind, health.clone(), Some(metrics.clone()), (&connections, vital))?;
    tracing::info!(addr = %server.address(), "metrics are served");
    Ok(None)
}

fn probes(
    bind: impl ToSocketAddrs,
    health: Health,
    metrics: Option<Metrics>,
    (connections, vital): (&std::sync::Arc<Connections>, &Vital),
) -> anyhow::Result<Server> {
    let configure = telemetry::http::configure(health, metrics);
    listen(TcpListener::bind(bind)?, 1, connections, vital, move || App::new().configure(configure.clone()))
}
